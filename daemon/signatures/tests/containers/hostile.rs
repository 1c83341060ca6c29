//! Containers with more than one reading, signatures in places that are not theirs, and bombs.

use std::process::Command;

use trien_signatures::asic::{self, File, Inside, Kind};
use trien_signatures::report::Reason;
use trien_signatures::zip::{self, Container, ZipError};

use crate::archive::{FILES, container, entries, packed};
use crate::openssl::{self, Pki};
use crate::processor::Work;
use crate::verified;

/// A container that Python packs, its entries by this method.
pub(crate) fn packed_by_python(pki: &Pki, entries: &[(String, Vec<u8>)], method: &str) -> Vec<u8> {
    const PACK: &str = r"
import json, sys, zipfile
with zipfile.ZipFile(sys.argv[1], 'w', getattr(zipfile, sys.argv[2])) as made:
    for name, octets in json.load(sys.stdin):
        made.writestr(name, bytes(octets))
";
    let target = pki.workshop.path("packed.zip");
    let mut python = Command::new("python3")
        .args(["-c", PACK])
        .arg(&target)
        .arg(method)
        .stdin(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    serde_json::to_writer(python.stdin.take().unwrap(), entries).unwrap();
    assert!(python.wait().unwrap().success());
    std::fs::read(target).unwrap()
}

/// Info-ZIP's tools take the name of an entry from an extra field: `unzip` would lay what is signed as one file under the
/// name of another one.
#[test]
fn n151_an_entry_has_no_second_name_in_an_extra_field() {
    const PACK: &str = r"
import struct, sys, zipfile, zlib
target, place, other = sys.argv[1:]
with zipfile.ZipFile(target, 'w') as made:
    for name in ('a.txt', 'b.txt'):
        entry = zipfile.ZipInfo(name)
        field = struct.pack('<BI', 1, zlib.crc32(name.encode())) + (other or name).encode()
        entry.extra = struct.pack('<HH', 0x7075, len(field)) + field
        made.writestr(entry, name)
        if place == 'local':
            entry.extra = b''
";
    let shop = openssl::Workshop::new();
    let made = |place: &str, other: &str| {
        let target = shop.path("named.zip");
        let mut python = Command::new("python3");
        python.args(["-c", PACK]).arg(&target).args([place, other]);
        assert!(python.status().unwrap().success());
        std::fs::read(target).unwrap()
    };
    for place in ["both", "local"] {
        assert_eq!(Container::parse(&made(place, "")).unwrap().entries().len(), 2);
        let read = Container::parse(&made(place, "c.txt"));
        assert!(
            matches!(&read, Err(ZipError::Name(name)) if name == "c.txt"),
            "{read:?}"
        );
    }
}

/// n155: a container in a container is a file like any other.
#[test]
fn n155_signatures_have_their_exact_place() {
    let pki = Pki::new();
    let who = pki.leaf("signer", "ec:P-256");
    let inner = container(&pki, &who, Kind::Extended, Inside::Xades, &FILES);
    let nested = [File {
        name: "inner.asice",
        bytes: &inner,
        media_type: "application/vnd.etsi.asic-e+zip",
    }];
    let outer = container(&pki, &who, Kind::Extended, Inside::Xades, &nested);
    let report = verified(&pki, &outer);
    assert!(report.valid());
    assert_eq!(report.signatures.len(), 1);
    let moved: Vec<_> = entries(&inner)
        .into_iter()
        .map(|(name, bytes)| (name.replace("META-INF/", "meta-INF/"), bytes))
        .collect();
    assert_eq!(
        verified(&pki, &packed(&moved)).signatures[0].reason,
        Some(Reason::NoSigners)
    );
}

#[test]
fn n151_n152_n153_containers_with_more_than_one_reading_are_refused() {
    let good = zip::write(&[("mimetype", b"x"), ("a", b"content"), ("b", b"other")]).unwrap();
    assert_eq!(Container::parse(&good).unwrap().entries().len(), 3);
    let find = |needle: &[u8], nth: usize| {
        let mut found = good
            .windows(needle.len())
            .enumerate()
            .filter(|(_, window)| *window == needle);
        found.nth(nth).unwrap().0
    };
    let with = |at: usize, bytes: &[u8]| {
        let mut changed = good.clone();
        changed[at..at + bytes.len()].copy_from_slice(bytes);
        changed
    };
    let directory = find(b"PK\x01\x02", 0);
    let end = find(b"PK\x05\x06", 0);
    let hostile: Vec<(&str, Vec<u8>)> = vec![
        ("nothing", Vec::new()),
        ("cut", good[..good.len() - 1].to_vec()),
        ("something behind", [&good[..], b"x"].concat()),
        ("something before", [b"x", &good[..]].concat()),
        ("two ends", [&good[..], &good[end..]].concat()),
        ("another name in the local header", with(30, b"Mimetype")),
        ("another size in the local header", with(22, &9_u32.to_le_bytes())),
        (
            "another method in the local header",
            with(8, &8_u16.to_le_bytes()),
        ),
        ("another check sum", with(14, &[0; 4])),
        (
            "an offset into another entry",
            with(directory + 42, &5_u32.to_le_bytes()),
        ),
        ("a gigabyte", with(directory + 24, &0x4000_0000_u32.to_le_bytes())),
        ("ZIP64 says so", with(directory + 20, &[0xff; 4])),
        ("another flag in the local header", with(6, &2_u16.to_le_bytes())),
        ("a name that is UTF-8 in one place", {
            let mut named = zip::write(&[("Đơn", b"x")]).unwrap();
            assert_eq!(named[6..8], 0x0800_u16.to_le_bytes());
            named[7] = 0;
            named
        }),
        ("encrypted", with(directory + 8, &1_u16.to_le_bytes())),
        ("another method", with(directory + 10, &12_u16.to_le_bytes())),
        ("a symbolic link", {
            let mut link = with(directory + 38, &0xA1FF_0000_u32.to_le_bytes());
            link[directory + 5] = 3;
            link
        }),
        ("more entries than there are", with(end + 8, &[9, 0, 9, 0])),
        ("65535 entries", with(end + 8, &[0xff; 4])),
        ("2000 entries", with(end + 8, &[0xd0, 7, 0xd0, 7])),
    ];
    for (what, bytes) in hostile {
        assert!(Container::parse(&bytes).is_err(), "{what}");
    }
    assert!(Container::parse(&stored(b"abcd")).is_ok());
    // ASCII is UTF-8, whether it says so everywhere or not.
    for at in [6, directory + 8] {
        assert!(Container::parse(&with(at, &0x0800_u16.to_le_bytes())).is_ok());
    }
    for name in [
        "../x", "..", "/etc/x", "/", "C:\\x", "C:x", "a\\..\\b", "\\\\a\\b", "a/../b", "a//b", "./a", "a/.",
        "a\0b", "a\0", "a\nb", "a\u{85}b", "",
    ] {
        assert!(
            matches!(zip::write(&[(name, b"")]), Err(ZipError::Name(_))),
            "{name:?}"
        );
        let read = Container::parse(&stored(name.as_bytes()));
        assert!(matches!(read, Err(ZipError::Name(_))), "{name:?}: {read:?}");
    }
    let read = Container::parse(&stored(b"\xff\xfe"));
    assert!(matches!(read, Err(ZipError::Name(_))), "{read:?}");
    for names in [["a", "a"], ["a", "A"], ["\u{e2}", "a\u{302}"], ["Đ", "đ"]] {
        let twice = zip::write(&[(names[0], b"1"), (names[1], b"2")]).unwrap();
        assert!(
            matches!(Container::parse(&twice), Err(ZipError::Name(_))),
            "{names:?}"
        );
    }
    bombs();
}

#[test]
fn an_open_document_with_signatures_is_no_container_of_this_kind() {
    let holds = |name: &str| {
        let kind = ("mimetype", b"application/vnd.oasis.opendocument.text".as_slice());
        let package = zip::write(&[kind, (name, b"<document-signatures/>".as_slice())]).unwrap();
        asic::holds_signatures(&package)
    };
    for what in ["document", "macro", "package"] {
        assert!(!holds(&format!("META-INF/{what}signatures.xml")), "{what}");
    }
    assert!(holds("META-INF/signatures.xml"));
}

/// A container of one empty file, with whatever name.
fn stored(name: &[u8]) -> Vec<u8> {
    let length = u16::try_from(name.len()).unwrap().to_le_bytes();
    let (version, zeros) = ([20, 0], [0; 24]);
    // Flags, method, time, check sum and sizes are all 0.
    let local = [
        &b"PK\x03\x04"[..],
        &version,
        &zeros[..20],
        &length,
        &zeros[..2],
        name,
    ]
    .concat();
    let entry = [
        &b"PK\x01\x02"[..],
        &version,
        &version,
        &zeros[..20],
        &length,
        &zeros[..16],
        name,
    ]
    .concat();
    let four = |number: usize| u32::try_from(number).unwrap().to_le_bytes();
    let (size, offset) = (four(entry.len()), four(local.len()));
    let end = [
        &b"PK\x05\x06"[..],
        &zeros[..4],
        &[1, 0, 1, 0],
        &size,
        &offset,
        &zeros[..2],
    ]
    .concat();
    [local, entry, end].concat()
}

/// Made by Python, so that the packing is somebody else's.
fn bombs() {
    let folder = tempfile::tempdir().unwrap();
    let make = "import zipfile,sys\nz=zipfile.ZipFile(sys.argv[1],'w',zipfile.ZIP_DEFLATED)\nz.writestr('mimetype','x')\nz.writestr('zeros',b'\\0'*int(sys.argv[2]))\nz.close()";
    for (size, good) in [(50_000, true), (200_000_000, false), (300_000_000, false)] {
        let file = folder.path().join("bomb.zip");
        let status = Command::new("python3")
            .args(["-c", make])
            .arg(&file)
            .arg(size.to_string())
            .status()
            .unwrap();
        assert!(status.success());
        let bytes = std::fs::read(&file).unwrap();
        let parsed = Container::parse(&bytes);
        assert_eq!(parsed.is_ok(), good, "{size}");
        if !good {
            assert_eq!(parsed, Err(ZipError::TooLarge));
        }
    }
}

/// What is meant to fill a disk or a memory, made by Python: refused by what it says of itself, or as soon as it is
/// more than that, within bounded time.
#[test]
fn n151_bombs_of_every_kind_are_refused_before_they_are_unpacked() {
    const MAKE: &str = r"
import io, struct, sys, zipfile, zlib
kind, target = sys.argv[1:]

def packed(files, method=zipfile.ZIP_DEFLATED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, 'w', method) as made:
        for name, octets in files:
            made.writestr(name, octets)
    return bytearray(out.getvalue())

def patch(data, mark, offset, octets):
    at = data.find(mark) + offset
    data[at:at + len(octets)] = octets

zeros = lambda mebibytes: b'\0' * (mebibytes << 20)
if kind == 'lies':
    # Both headers say 100 bytes; three hundred million come out.
    data = packed([('zeros', zeros(300))])
    patch(data, b'PK\3\4', 22, struct.pack('<I', 100))
    patch(data, b'PK\1\2', 24, struct.pack('<I', 100))
elif kind == 'many large':
    data = packed([(f'{number}', zeros(32)) for number in range(9)])
elif kind == 'nested':
    data = packed([('zeros', zeros(32))])
    for level in range(3):
        data = packed([(f'{level}-{number}.zip', bytes(data)) for number in range(16)])
elif kind == 'overlapping':
    # Fifield's: every row of the directory leads to the one large entry, or to a header within it.
    data = packed([('a', zeros(32)), ('b', b'x')])
    row = data[data.find(b'PK\1\2'):data.rfind(b'PK\1\2')]
    rows = b''.join(bytes(row[:46]) + b'%c' % (97 + number) for number in range(20))
    start = data.find(b'PK\1\2')
    data = data[:start] + rows + struct.pack('<4s4H2IH', b'PK\5\6', 0, 0, 20, 20, len(rows), start, 0)
elif kind == '65536 entries':
    data = packed([(f'{number}', b'') for number in range(65536)], zipfile.ZIP_STORED)
elif kind == '10001 entries':
    data = packed([(f'{number}', b'') for number in range(10001)], zipfile.ZIP_STORED)
elif kind == '10000 entries':
    data = packed([(f'{number}', b'') for number in range(10000)], zipfile.ZIP_STORED)
elif kind == 'zip64':
    out = io.BytesIO()
    with zipfile.ZipFile(out, 'w') as made, made.open('a', 'w', force_zip64=True) as entry:
        entry.write(b'x')
    data = out.getvalue()
elif kind == 'zip64 of 2^63':
    data = packed([('a', b'x')], zipfile.ZIP_STORED)
    patch(data, b'PK\1\2', 20, b'\xff' * 8)
    extra = struct.pack('<HHQQ', 1, 16, 1 << 63, 1 << 63)
    patch(data, b'PK\1\2', 30, struct.pack('<H', len(extra)))
    end = data.find(b'PK\5\6')
    patch(data, b'PK\5\6', 12, struct.pack('<I', 47 + len(extra)))
    data[end:end] = extra
open(target, 'wb').write(data)
";
    let folder = tempfile::tempdir().unwrap();
    for (kind, refused) in [
        ("lies", true),
        ("many large", true),
        ("nested", false),
        ("overlapping", true),
        ("65536 entries", true),
        ("10001 entries", true),
        ("10000 entries", false),
        ("zip64", true),
        ("zip64 of 2^63", true),
    ] {
        let file = folder.path().join("bomb.zip");
        let mut make = Command::new("python3");
        assert!(
            make.args(["-c", MAKE, kind])
                .arg(&file)
                .status()
                .unwrap()
                .success()
        );
        let bytes = std::fs::read(&file).unwrap();
        let before = Work::begin();
        let parsed = Container::parse(&bytes);
        assert!(before.so_far().as_secs() < 10, "{kind}: {:?}", before.so_far());
        assert_eq!(parsed.is_err(), refused, "{kind}: {:?}", parsed.err());
        // A container in a container is a file like any other.
        let unpacked: usize = parsed.map_or(0, |read| read.entries().iter().map(|one| one.bytes.len()).sum());
        assert!(unpacked < 1 << 20, "{kind}: {unpacked}");
    }
}
