//! What is small and unpacks to much, or consists of very many values.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::support::{Desk, succeed};
use crate::{LARGEST, MOST, ran};

/// The most that any document may take of a processor; of the clock it may be more, beside other tests.
const LONGEST: Duration = Duration::from_secs(10);

/// A file of the largest size: what it begins with, this over and over, and what it ends with.
fn write_many(path: &Path, begin: &str, many: &str, end: &str) {
    let count = (LARGEST - begin.len() - end.len()) / many.len();
    let mut file = BufWriter::new(File::create(path).unwrap());
    file.write_all(begin.as_bytes()).unwrap();
    let thousand = many.repeat(1000);
    for _ in 0..count / 1000 {
        file.write_all(thousand.as_bytes()).unwrap();
    }
    file.write_all(end.as_bytes()).unwrap();
    file.flush().unwrap();
}

#[test]
fn n124_n141_n142_many_small_values_take_no_more_memory_than_is_allowed() {
    let desk = Desk::new();
    let file = desk.path("many");
    let escaped = r"\/".repeat(500);
    for (what, begin, many, end) in [
        ("elements of XML", "<a>", "<a/>", "</a>"),
        ("one text of XML", "<a>", "x", "</a>"),
        ("numbers of JSON", r#"{"signature":"","x":[0"#, ",0", "]}"),
        ("objects of JSON", r#"{"signature":"","x":[0"#, r#",{"":0}"#, "]}"),
        (
            "names of JSON",
            r#"{"signature":"","signatures":[{"#,
            r#""a":[[]],"#,
            r#""b":0}]}"#,
        ),
        (
            "one string of JSON",
            r#"{"signature":"","protected":""#,
            "AAAA",
            r#""}"#,
        ),
        (
            "one payload of JSON",
            r#"{"signature":"","protected":"e30","payload":""#,
            "AAAA",
            r#""}"#,
        ),
        ("escapes of JSON", r#"{"signature":"","x":""#, &escaped, r#""}"#),
        (
            "unsigned parts of JSON",
            r#"{"signature":"","protected":"","header":{"etsiU":[""#,
            "AAAA",
            r#""]}}"#,
        ),
        ("a compact signature", "eyJ", "AAAA", ".."),
    ] {
        write_many(&file, begin, many, end);
        let (peak, time, code, said) = ran(desk.trien(["verify"]).arg(&file));
        println!("{what}: {peak} KiB, {time:?}");
        assert!(peak <= MOST && time <= LONGEST, "{what}: {peak} KiB, {time:?}");
        assert!(matches!(code, Some(1 | 3)), "{what}: {code:?} {said}");
    }
}

/// Made by Python: what is packed is somebody else's packing, and what is large is written at once.
const BOMBS: &str = r#"
import io, sys, zipfile, zlib
kind, target = sys.argv[1:]
LARGEST = 200 << 20
many = lambda octets, size=LARGEST: octets * (size // len(octets))
some = lambda octets: many(octets, 64 << 20)

def packed(octets):
    """300 MiB of an octet: each full flush begins anew, so that one block may stand for all. Nobody gets to the end."""
    packer = zlib.compressobj()
    first, block = (packer.compress(octets * (1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH) for _ in range(2))
    return first + 299 * block

def stream(entries, data):
    return b"<< %b /Filter /FlateDecode /Length %d >>\nstream\n%b\nendstream" % (entries, len(data), data)

def pdf(fields, content=b""):
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R /AcroForm << /Fields [%b] >> >>" % fields,
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Contents 4 0 R >>",
        stream(b"", content),
    ]
    out, rows = bytearray(b"%PDF-1.7\n"), b"0000000000 65535 f \n"
    for number, body in enumerate(objects, 1):
        rows += b"%010d 00000 n \n" % len(out)
        out += b"%d 0 obj\n%b\nendobj\n" % (number, body)
    tail = b"xref\n0 5\n%btrailer\n<< /Size 5 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (rows, len(out))
    return [bytes(out), tail]

def by_streams(objects, table=None):
    """The catalog is in an object stream, and the table is one too."""
    out = bytearray(b"%PDF-1.7\n")
    first = len(out)
    out += b"1 0 obj\n%b\nendobj\n" % stream(b"/Type /ObjStm /N 1 /First 4", objects)
    start = len(out)
    row = lambda kind, field: bytes([kind]) + field.to_bytes(4, "big") + b"\0"
    rows = table or zlib.compress(row(0, 0) + row(1, first) + row(2, 1) + row(1, start))
    out += b"3 0 obj\n%b\nendobj\n" % stream(b"/Type /XRef /Size 4 /W [1 4 1] /Root 2 0 R", rows)
    return [bytes(out), b"startxref\n%d\n%%%%EOF\n" % start]

def signed_data(content=b"", certificates=b"", signers=b""):
    oid = lambda last: b"\6\x09\x2a\x86\x48\x86\xf7\x0d\1\7" + last
    end = b"\0\0"
    return [
        b"\x30\x80" + oid(b"\2") + b"\xa0\x80\x30\x80\2\1\1\x31\x80" + end + b"\x30\x80" + oid(b"\1") + b"\xa0\x80\x24\x80", content,
        end * 3 + b"\xa0\x80", certificates,
        end + b"\x31\x80", signers, end * 5,
    ]

def container(files, method=zipfile.ZIP_STORED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method, compresslevel=1) as made:
        made.writestr("mimetype", "application/vnd.etsi.asic-e+zip", zipfile.ZIP_STORED)
        for name, octets in files:
            made.writestr(name, octets)
    return [out.getvalue()]

zeros = bytes(32 << 20)
for piece in {
    "table of PDF": lambda: by_streams(zlib.compress(b"2 0 << >>"), packed(b"\0")),
    "objects of PDF": lambda: by_streams(packed(b" ")),
    "page of PDF": lambda: pdf(b"", packed(b" ")),
    "fields of PDF": lambda: pdf(some(b"9 0 R ")),
    "dictionaries of PDF": lambda: pdf(some(b"<</A()>>")),
    "rows of PDF": lambda: [b"%PDF-1.7\nxref\n0 9999999\n", many(b"0000000000 65535 f \n"), b"startxref\n9\n%%EOF\n"],
    "entry of ZIP": lambda: container([("zeros", zeros * 10)], zipfile.ZIP_DEFLATED),
    "entries of ZIP": lambda: container(((str(number), zeros) for number in range(10)), zipfile.ZIP_DEFLATED),
    "XML in ZIP": lambda: container([("a", b"x"), ("META-INF/signatures.xml", b"<a>" + some(b"<a/>") + b"</a>")]),
    "depth of CMS": lambda: [many(b"\x30\x80")],
    "segments of CMS": lambda: signed_data(content=many(b"\4\1a")),
    "certificates of CMS": lambda: signed_data(certificates=many(b"\x30\0")),
    "signers of CMS": lambda: signed_data(signers=many(b"\x30\0")),
    "a text of a gibibyte": lambda: [b"<a>"],
}[kind]():
    open(target, "ab").write(piece)
"#;

#[test]
fn n124_n142_n143_n144_n151_bombs_take_no_more_memory_than_is_allowed() {
    let desk = Desk::new();
    let file = desk.path("bomb");
    for what in [
        "table of PDF",
        "objects of PDF",
        "page of PDF",
        "fields of PDF",
        "dictionaries of PDF",
        "rows of PDF",
        "entry of ZIP",
        "entries of ZIP",
        "XML in ZIP",
        "depth of CMS",
        "segments of CMS",
        "certificates of CMS",
        "signers of CMS",
        "a text of a gibibyte",
    ] {
        let _old = std::fs::remove_file(&file);
        succeed(Command::new("python3").args(["-c", BOMBS, what]).arg(&file));
        if what == "a text of a gibibyte" {
            // Its length is known before any of it is read.
            let begun = File::options().write(true).open(&file).unwrap();
            begun.set_len(1 << 30).unwrap();
        }
        let (peak, time, code, said) = ran(desk.trien(["verify"]).arg(&file));
        println!("{what}: {peak} KiB, {time:?}");
        assert!(peak <= MOST && time <= LONGEST, "{what}: {peak} KiB, {time:?}");
        assert!(matches!(code, Some(1 | 3)), "{what}: {code:?} {said}");
    }
}
