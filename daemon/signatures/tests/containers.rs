//! ASiC containers and JSON Web Signatures: made, judged by openssl and jwcrypto, taken apart by hand.

#![allow(clippy::unwrap_used, reason = "what cannot be set up is a test that fails")]

mod archive;
mod judge;
mod openssl;

use std::path::Path;
use std::process::Command;

use archive::{FILES, container, entries, packed};
use openssl::{Identity, Pki};
use time::OffsetDateTime;
use trien_signatures::algorithm::{Hash, RsaPadding, SignatureAlgorithm};
use trien_signatures::asic::{self, AsicError, AsicRequest, File, Inside, Kind};
use trien_signatures::cades::{self, CadesRequest};
use trien_signatures::jades::{self, JadesRequest, JoseError, Serialization};
use trien_signatures::report::{Format, Level, Reason, Report};
use trien_signatures::signing::Prepared;
use trien_signatures::zip::{self, Container, ZipError};

fn algorithm(who: &Identity, padding: RsaPadding, hash: Hash) -> SignatureAlgorithm {
    SignatureAlgorithm::for_key(who.certificate.public_key(), padding, hash).unwrap()
}

fn verified(pki: &Pki, bytes: &[u8]) -> Report {
    asic::verify(bytes, &pki.reliance()).unwrap()
}

/// The signature of a container, with its files beside it as it names them: xmlsec1 verifies it, and no other file.
fn judged_by_xmlsec1(pki: &Pki, made: &[u8], files: &[File<'_>]) {
    let all = entries(made);
    let (_, signatures) = all.iter().find(|(name, _)| name.contains("signatures")).unwrap();
    let judged = pki.workshop.write("signatures.xml", signatures);
    let verify = || {
        let mut xmlsec1 = Command::new("xmlsec1");
        xmlsec1.current_dir(pki.workshop.path("")).arg("--verify");
        xmlsec1.arg("--trusted-pem").arg(pki.workshop.path("root.crt"));
        xmlsec1.args(["--node-xpath", "//*[local-name()='Signature']"]);
        xmlsec1.args([
            "--id-attr:Id",
            "http://uri.etsi.org/01903/v1.3.2#:SignedProperties",
        ]);
        xmlsec1.arg(&judged).output().unwrap()
    };
    for file in files {
        let path = pki.workshop.path(file.name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, file.bytes).unwrap();
    }
    let output = verify();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    std::fs::write(pki.workshop.path(files[0].name), "another").unwrap();
    assert!(!verify().status.success());
}

#[test]
fn containers_of_both_kinds_with_both_signatures() {
    let pki = Pki::new();
    let who = pki.leaf("signer", "ec:P-256");
    for (kind, files) in [(Kind::Simple, &FILES[..1]), (Kind::Extended, &FILES[..])] {
        for (inside, format) in [
            (Inside::Xades, Format::AsicXades),
            (Inside::Cades, Format::AsicCades),
        ] {
            let made = container(&pki, &who, kind, inside, files);
            assert!(asic::looks_like(&made));
            let report = verified(&pki, &made);
            assert!(report.valid(), "{kind:?} {inside:?}: {report:#?}");
            let signature = &report.signatures[0];
            assert_eq!((signature.format, signature.level), (format, Some(Level::BB)));
            assert_eq!(
                signature.covered,
                files.iter().map(|file| file.name).collect::<Vec<_>>()
            );
            // Others read the same files.
            let file = pki.workshop.write("made.zip", &made);
            let listed = Command::new("python3")
                .args(["-c", "import sys,zipfile; z=zipfile.ZipFile(sys.argv[1]); assert z.testzip() is None; i=z.infolist()[0]; assert (i.filename,i.compress_type,i.extra)==('mimetype',0,b''); print(len(z.namelist()))"])
                .arg(file).output().unwrap();
            assert!(
                listed.status.success(),
                "{}",
                String::from_utf8_lossy(&listed.stderr)
            );
            if inside == Inside::Xades {
                judged_by_xmlsec1(&pki, &made, files);
            }
            if inside == Inside::Cades {
                let all = entries(&made);
                let find = |end: &str| &all.iter().find(|(name, _)| name.ends_with(end)).unwrap().1;
                let content = if kind == Kind::Simple {
                    files[0].bytes
                } else {
                    find("ASiCManifest001.xml")
                };
                pki.workshop
                    .accepts(find(".p7s"), Some(content), &pki.root)
                    .unwrap();
            }
            for at in 0..made.len() {
                if made.len() < 9000 && at % 7 != 0 {
                    continue;
                }
                let mut changed = made.clone();
                changed[at] ^= 1;
                if let Ok(report) = asic::verify(&changed, &pki.reliance()) {
                    let same = entries(&changed)
                        .iter()
                        .filter(|(name, _)| !name.starts_with("META-INF/"))
                        .eq(entries(&made)
                            .iter()
                            .filter(|(name, _)| !name.starts_with("META-INF/")));
                    assert!(!report.valid() || same, "byte {at}");
                }
            }
        }
    }
    let chain = [];
    let refused = asic::prepare(&AsicRequest {
        kind: Kind::Simple,
        inside: Inside::Xades,
        files: &FILES,
        signer: &who.certificate,
        chain: &chain,
        algorithm: algorithm(&who, RsaPadding::Pkcs1, Hash::Sha256),
        signing_time: OffsetDateTime::now_utc(),
    });
    assert_eq!(refused.unwrap_err(), AsicError::Files(2));
}

#[test]
fn an_asic_e_by_pyasice_is_accepted_here_and_ours_is_there() {
    let pki = Pki::new();
    // It puts in the signer's certificate alone.
    let intermediates = [pki.ca.certificate.clone()];
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    let pyasice = |words: &[String]| {
        let script = judge::script("asice.py");
        let words: Vec<&str> = std::iter::once(&script)
            .chain(words)
            .map(String::as_str)
            .collect();
        judge::python(&words)
    };
    for algorithm in ["rsa:2048", "ec:P-256"] {
        let name = format!("pyasice-{}", &algorithm[..2]);
        let who = pki.leaf(&name, algorithm);
        let certificate = text(&pki.workshop.path(&format!("{name}.crt")));
        let out = pki.workshop.path("theirs.asice");
        let mut words = vec!["make".into(), certificate, text(&who.key), text(&out)];
        for (number, file) in FILES.iter().enumerate() {
            let path = pki.workshop.write(&format!("file-{number}"), file.bytes);
            words.push(format!("{}={}", file.name, text(&path)));
        }
        pyasice(&words).unwrap();
        let theirs = std::fs::read(&out).unwrap();
        let mut reliance = pki.reliance();
        reliance.intermediates = &intermediates;
        let report = asic::verify(&theirs, &reliance).unwrap();
        assert!(report.valid(), "{report:#?}");
        let signature = &report.signatures[0];
        assert_eq!(
            (signature.format, signature.level),
            (Format::AsicXades, Some(Level::BB))
        );
        assert_eq!(signature.covered, FILES.map(|file| file.name));
        assert!(
            pyasice(&["verify".into(), text(&out)])
                .unwrap()
                .contains("Nguyễn Thị Ánh")
        );
        let mut changed = entries(&theirs);
        let (_, bytes) = changed
            .iter_mut()
            .find(|(name, _)| name == FILES[0].name)
            .unwrap();
        bytes[0] ^= 1;
        assert!(!asic::verify(&packed(&changed), &reliance).unwrap().valid());

        let ours = container(&pki, &who, Kind::Extended, Inside::Xades, &FILES);
        let path = pki.workshop.write("ours.asice", &ours);
        assert!(
            pyasice(&["verify".into(), text(&path)])
                .unwrap()
                .contains("Nguyễn Thị Ánh")
        );
    }
}

#[test]
fn a_container_may_have_many_files() {
    let pki = Pki::new();
    let who = pki.leaf("signer", "ec:P-256");
    let names: Vec<String> = (0..200).map(|number| format!("tệp {number}.txt")).collect();
    let files: Vec<File<'_>> = names
        .iter()
        .map(|name| File {
            name,
            bytes: name.as_bytes(),
            media_type: "text/plain",
        })
        .collect();
    for inside in [Inside::Xades, Inside::Cades] {
        let report = verified(&pki, &container(&pki, &who, Kind::Extended, inside, &files));
        assert!(report.valid(), "{inside:?}: {:?}", report.signatures[0].reason);
        assert_eq!(report.signatures[0].covered, names);
    }
}

#[test]
fn n154_what_is_missing_left_over_or_exchanged_is_named() {
    let pki = Pki::new();
    let who = pki.leaf("signer", "ec:P-256");
    for inside in [Inside::Xades, Inside::Cades] {
        let made = container(&pki, &who, Kind::Extended, inside, &FILES);
        let good = entries(&made);
        let reasons = |entries: &[(String, Vec<u8>)]| {
            let report = verified(&pki, &packed(entries));
            assert!(!report.valid());
            (
                report.signatures[0].reason.unwrap(),
                report.signatures[0].not_covered.clone(),
            )
        };
        let mut extra = good.clone();
        extra.insert(3, ("extra.txt".into(), b"unsigned".to_vec()));
        assert_eq!(
            reasons(&extra),
            (Reason::ContainerFileNotCovered, vec!["extra.txt".to_owned()])
        );
        // A folder that is for signatures is no place where one is not needed.
        for name in [
            "META-INF/Quyết định.pdf",
            "META-INF/a/b.xml",
            "META-INF/container.pdf",
            "META-INF/x",
        ] {
            for name in [name.to_owned(), name.replace("META-INF", "meta-inf")] {
                let mut extra = good.clone();
                extra.push((name.clone(), b"unsigned".to_vec()));
                assert_eq!(reasons(&extra), (Reason::ContainerFileNotCovered, vec![name]));
            }
        }
        let mut described = good.clone();
        described.push(("META-INF/container.xml".into(), b"<container/>".to_vec()));
        assert!(verified(&pki, &packed(&described)).valid());
        let mut folded = good.clone();
        folded.push(("meta-inf/signatures9.xml".into(), b"<a/>".to_vec()));
        assert_eq!(reasons(&folded).0, Reason::ContainerFileNotCovered);
        let mut absent = good.clone();
        absent.remove(1);
        assert!(matches!(
            reasons(&absent).0,
            Reason::ReferenceNotFound | Reason::ExternalReference
        ));
        let mut exchanged = good.clone();
        exchanged[1].1 = b"other".to_vec();
        assert_eq!(reasons(&exchanged).0, Reason::ReferenceDigestMismatch);
        let mut late = good.clone();
        late.swap(0, 1);
        assert_eq!(reasons(&late).0, Reason::MalformedSignature);
        let mut wrong = good.clone();
        wrong[0].1 = b"application/zip".to_vec();
        assert_eq!(reasons(&wrong).0, Reason::MalformedSignature);
        let mut simple = good.clone();
        simple[0].1 = b"application/vnd.etsi.asic-s+zip".to_vec();
        assert_eq!(reasons(&simple).0, Reason::MalformedSignature);
        let (mut missing, mut renamed) = (good.clone(), good.clone());
        missing.remove(0);
        assert_eq!(reasons(&missing).0, Reason::MalformedSignature);
        renamed[0].0 = "Mimetype".into();
        assert!(!verified(&pki, &packed(&renamed)).valid());
        // Packed by Python: the same files, with the media type stored, and with it compressed.
        for (method, passes) in [("ZIP_STORED", true), ("ZIP_DEFLATED", false)] {
            let report = verified(&pki, &packed_by_python(&pki, &good, method));
            assert_eq!(report.valid(), passes, "{method}: {report:#?}");
            let reason = (!passes).then_some(Reason::MalformedSignature);
            assert_eq!(report.signatures[0].reason, reason, "{method}");
        }
        let unsigned: Vec<_> = good
            .iter()
            .filter(|(name, _)| !name.contains("signature"))
            .cloned()
            .collect();
        assert_eq!(reasons(&unsigned).0, Reason::NoSigners);

        // ASiC-S is about one file: a second one is nobody's, whatever it is called.
        let alone = entries(&container(&pki, &who, Kind::Simple, inside, &FILES[..1]));
        assert!(verified(&pki, &packed(&alone)).valid());
        for name in ["second.txt", "A/x", "zz"] {
            let mut two = alone.clone();
            two.insert(1, (name.into(), b"unsigned".to_vec()));
            let (reason, not_covered) = reasons(&two);
            let named = not_covered.iter().any(|file| file == name);
            assert!(
                named || reason == Reason::MalformedSignature,
                "{name}: {reason:?}"
            );
        }
    }
}

/// Not all of very many signatures are looked at, and what is not has its say.
#[test]
fn n154_a_signature_that_is_not_looked_at_is_no_signature_that_holds() {
    let pki = Pki::new();
    let who = pki.leaf("signer", "ec:P-256");
    let good = entries(&container(&pki, &who, Kind::Extended, Inside::Xades, &FILES));
    let signature = good.iter().find(|(name, _)| name.contains("signatures")).unwrap();
    let with = |count: usize, last: &[u8]| {
        let mut many = good.clone();
        for number in 1..count {
            let bytes = if number + 1 == count { last } else { &signature.1 };
            many.push((format!("META-INF/signatures-{number}.xml"), bytes.to_vec()));
        }
        verified(&pki, &packed(&many))
    };
    assert!(with(64, &signature.1).valid());
    let report = with(65, b"<nothing/>");
    assert!(!report.valid(), "{report:#?}");
    let last = report.signatures.last().unwrap();
    assert_eq!(last.reason, Some(Reason::TooManySignatures));
    assert_eq!(last.not_evaluated, ["META-INF/signatures-64.xml"]);
}

/// What a manifest says of a file is that file's: a digest of another one, and a file that is not there, are found
/// though the manifest is signed.
#[test]
fn n154_a_signed_manifest_that_is_wrong_is_found() {
    let pki = Pki::new();
    let who = pki.leaf("signer", "ec:P-256");
    let good = entries(&container(&pki, &who, Kind::Extended, Inside::Cades, &FILES));
    let at = |part: &str| good.iter().position(|(name, _)| name.contains(part)).unwrap();
    let (manifest, signature) = (at("ASiCManifest"), at(".p7s"));
    let text = String::from_utf8(good[manifest].1.clone()).unwrap();
    let digests: Vec<&str> = text
        .split("DigestValue>")
        .skip(1)
        .step_by(2)
        .map(|part| part.split('<').next().unwrap())
        .collect();
    let [first, second] = digests[..] else {
        panic!("{text}")
    };
    let names: Vec<&str> = text
        .split("<asic:DataObjectReference")
        .skip(1)
        .map(|part| part.split("URI=\"").nth(1).unwrap().split('"').next().unwrap())
        .collect();
    let resigned = |text: &str| {
        let chain = [pki.ca.certificate.clone()];
        let prepared = cades::prepare(&CadesRequest {
            content: text.as_bytes(),
            detached: true,
            signer: &who.certificate,
            chain: &chain,
            algorithm: SignatureAlgorithm::Ecdsa(Hash::Sha256),
            signing_time: OffsetDateTime::now_utc(),
        })
        .unwrap();
        let value = pki
            .workshop
            .sign(&who, prepared.algorithm(), prepared.to_be_signed());
        let mut files = good.clone();
        files[manifest].1 = text.as_bytes().to_vec();
        files[signature].1 = prepared.finish(value).unwrap();
        verified(&pki, &packed(&files))
    };
    assert!(resigned(&text).valid(), "the manifest as it was");
    for (what, changed, reason) in [
        (
            "the digests exchanged",
            text.replacen(first, "\0", 1)
                .replacen(second, first, 1)
                .replacen('\0', second, 1),
            Reason::ReferenceDigestMismatch,
        ),
        (
            "a file that is not there",
            text.replacen(names[0], "khong-co.txt", 1),
            Reason::ReferenceNotFound,
        ),
        (
            "one file twice, the other not at all",
            text.replacen(names[0], names[1], 1).replacen(first, second, 1),
            Reason::ContainerFileNotCovered,
        ),
    ] {
        assert_ne!(changed, text, "{what}");
        let report = resigned(&changed);
        assert!(!report.valid(), "{what}");
        assert_eq!(report.signatures[0].reason, Some(reason), "{what}: {report:#?}");
    }
}

/// A container that Python packs, its entries by this method.
fn packed_by_python(pki: &Pki, entries: &[(String, Vec<u8>)], method: &str) -> Vec<u8> {
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
elif kind == '1001 entries':
    data = packed([(f'{number}', b'') for number in range(1001)], zipfile.ZIP_STORED)
elif kind == '1000 entries':
    data = packed([(f'{number}', b'') for number in range(1000)], zipfile.ZIP_STORED)
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
        ("1001 entries", true),
        ("1000 entries", false),
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
        let before = std::time::Instant::now();
        let parsed = Container::parse(&bytes);
        assert!(before.elapsed().as_secs() < 10, "{kind}: {:?}", before.elapsed());
        assert_eq!(parsed.is_err(), refused, "{kind}: {:?}", parsed.err());
        // A container in a container is a file like any other.
        let unpacked: usize = parsed.map_or(0, |read| read.entries().iter().map(|one| one.bytes.len()).sum());
        assert!(unpacked < 1 << 20, "{kind}: {unpacked}");
    }
}

fn jws(
    pki: &Pki,
    who: &Identity,
    with: SignatureAlgorithm,
    serialization: Serialization,
    detached: bool,
    content: &[u8],
) -> Vec<u8> {
    let chain = [pki.ca.certificate.clone()];
    let prepared = jades::prepare(&JadesRequest {
        content,
        detached,
        serialization,
        signer: &who.certificate,
        chain: &chain,
        algorithm: with,
        signing_time: OffsetDateTime::now_utc(),
    })
    .unwrap();
    let signature = pki
        .workshop
        .sign(who, prepared.algorithm(), prepared.to_be_signed());
    prepared.finish(signature).unwrap()
}

/// What jwcrypto says of a file with the key of a certificate; and a signature of its own making.
const JWCRYPTO: &str = r#"
import sys, base64, json
from jwcrypto import jws, jwk
from cryptography import x509
verb, certificate, file = sys.argv[1:4]
token = jws.JWS()
if verb == 'verify':
    key = jwk.JWK.from_pem(open(certificate, 'rb').read())
    token.allowed_algs = ['RS256','RS384','RS512','PS256','PS384','PS512','ES256','ES384','ES512']
    token.deserialize(open(file).read(), key)
    assert token.payload == b'{"a": "\xc4\x90"}', token.payload
else:
    pem = open(certificate, 'rb').read()
    key = jwk.JWK.from_pem(open(sys.argv[4], 'rb').read())
    chain = [base64.b64encode(x509.load_pem_x509_certificate(pem).public_bytes(__import__('cryptography').hazmat.primitives.serialization.Encoding.DER)).decode()]
    token = jws.JWS(b'{"a": 1}')
    token.add_signature(key, None, json.dumps({'alg': sys.argv[5], 'x5c': chain}))
    print(token.serialize(compact=sys.argv[6] == 'compact'))
"#;

fn jwcrypto(arguments: &[&str]) -> Result<Vec<u8>, String> {
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/judges/bin/python");
    let output = Command::new(python)
        .args(["-c", JWCRYPTO])
        .args(arguments)
        .output()
        .unwrap();
    if output.status.success() {
        Ok(output.stdout)
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

#[test]
fn jades_in_every_algorithm_is_accepted_by_jwcrypto_and_the_other_way_round() {
    let pki = Pki::new();
    let content = "{\"a\": \"Đ\"}".as_bytes();
    let cases = [
        ("rsa:2048", Hash::Sha256, RsaPadding::Pkcs1),
        ("rsa:2048", Hash::Sha512, RsaPadding::Pss),
        ("ec:P-256", Hash::Sha256, RsaPadding::Pkcs1),
        ("ec:P-384", Hash::Sha384, RsaPadding::Pkcs1),
        ("ec:P-521", Hash::Sha512, RsaPadding::Pkcs1),
    ];
    let intermediates = [pki.ca.certificate.clone()];
    for (number, (key, hash, padding)) in cases.into_iter().enumerate() {
        let name = format!("leaf{number}");
        let who = pki.leaf(&name, key);
        let mut reliance = pki.reliance();
        reliance.intermediates = &intermediates;
        let with = algorithm(&who, padding, hash);
        let certificate = pki.workshop.path(&format!("{name}.crt"));
        for serialization in [Serialization::Compact, Serialization::Json] {
            let made = jws(&pki, &who, with, serialization, false, content);
            assert!(jades::looks_like(&made));
            let report = jades::verify(&made, None, &reliance).unwrap();
            assert!(report.valid(), "{report:#?}");
            assert_eq!(
                (report.signatures[0].format, report.signatures[0].level),
                (Format::Jades, Some(Level::BB))
            );
            let file = pki.workshop.write("made.jws", &made);
            jwcrypto(&["verify", certificate.to_str().unwrap(), file.to_str().unwrap()]).unwrap();
            let form = if serialization == Serialization::Compact {
                "compact"
            } else {
                "json"
            };
            let theirs = jwcrypto(&[
                "sign",
                certificate.to_str().unwrap(),
                "-",
                who.key.to_str().unwrap(),
                with.jose_name(),
                form,
            ])
            .unwrap();
            let report = jades::verify(&theirs, None, &reliance).unwrap();
            assert!(report.valid(), "{report:#?}");
            assert_eq!(
                (report.signatures[0].format, report.signatures[0].level),
                (Format::Jws, None)
            );
            let detached = jws(&pki, &who, with, serialization, true, content);
            assert!(
                jades::verify(&detached, Some(content), &reliance)
                    .unwrap()
                    .valid()
            );
            assert!(
                !jades::verify(&detached, Some(b"other"), &reliance)
                    .unwrap()
                    .valid()
            );
            assert!(!jades::verify(&detached, None, &reliance).unwrap().valid());
            assert!(
                !jades::verify(&made, Some(content), &reliance).unwrap().valid(),
                "given twice"
            );
        }
    }
}

#[test]
fn a_changed_or_hostile_jws_is_not_valid() {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let pki = Pki::new();
    let who = pki.leaf("signer", "ec:P-256");
    let with = algorithm(&who, RsaPadding::Pkcs1, Hash::Sha256);
    let made = jws(&pki, &who, with, Serialization::Compact, false, b"content");
    for at in 0..made.len() {
        let mut changed = made.clone();
        changed[at] ^= 1;
        let valid = jades::verify(&changed, None, &pki.reliance()).is_ok_and(|report| report.valid());
        assert!(!valid, "byte {at}");
    }
    let text = String::from_utf8(made).unwrap();
    let header = String::from_utf8(URL_SAFE_NO_PAD.decode(text.split('.').next().unwrap()).unwrap()).unwrap();
    let reason = |header: &str| {
        let rest = text.split_once('.').unwrap().1;
        let token = format!("{}.{rest}", URL_SAFE_NO_PAD.encode(header));
        let report = jades::verify(token.as_bytes(), None, &pki.reliance()).unwrap();
        assert!(!report.valid());
        report.signatures[0].reason.unwrap()
    };
    for name in ["none", "HS256", "RS1", "es256", "EdDSA"] {
        assert_eq!(
            reason(&header.replace("ES256", name)),
            Reason::AlgorithmNotAccepted,
            "{name}"
        );
    }
    assert_eq!(
        reason(&header.replace("ES256", "ES384")),
        Reason::AlgorithmParameters
    );
    assert_eq!(
        reason(&header.replace("ES256", "RS256")),
        Reason::AlgorithmParameters
    );
    assert_eq!(
        reason(&header.replacen('{', "{\"alg\":\"none\",", 1)),
        Reason::MalformedSignature
    );
    assert_eq!(
        reason(&header.replacen('{', "{\"exp\":1,\"crit\":[\"exp\"],", 1)),
        Reason::CriticalHeaderUnknown
    );
    // RFC 7515, 4.1.11: what is critical is there, once, and named by a text.
    for critical in [
        "[\"exp\"]",
        "[\"sigT\"]",
        "[\"x5t#S256\",\"x5t#S256\"]",
        "[1]",
        "\"x5t#S256\"",
        "null",
    ] {
        let header = header.replacen('{', &format!("{{\"crit\":{critical},"), 1);
        assert_eq!(reason(&header), Reason::MalformedSignature, "{critical}");
    }
    assert_eq!(
        reason(&header.replacen('{', "{\"crit\":[],", 1)),
        Reason::MalformedSignature
    );
    assert_eq!(
        reason(&header.replacen('{', "{\"b64\":false,", 1)),
        Reason::CriticalHeaderUnknown
    );
    for bad in [
        "",
        "{}",
        "a.b",
        "a.b.c.d",
        "[]",
        "{\"payload\":\"\",\"signatures\":[1]}",
        "{\"payload\":1,\"protected\":\"\",\"signature\":\"\"}",
        "{\"payload\":\"\",\"payload\":\"\",\"protected\":\"\",\"signature\":\"\"}",
    ] {
        assert_eq!(
            jades::verify(bad.as_bytes(), None, &pki.reliance()),
            Err(JoseError::Malformed),
            "{bad}"
        );
    }
    let none = jades::verify(b"{\"payload\":\"\",\"signatures\":[]}", None, &pki.reliance()).unwrap();
    assert_eq!(none.signatures[0].reason, Some(Reason::NoSigners));
}
