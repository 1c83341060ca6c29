//! Containers of every kind, by us and by others.

use crate::judge;
use std::path::Path;
use std::process::Command;

use time::OffsetDateTime;
use trien_signatures::algorithm::{Hash, RsaPadding};
use trien_signatures::asic::{self, AsicError, AsicRequest, File, Inside, Kind};
use trien_signatures::report::{Format, Level};

use crate::archive::{FILES, container, entries, packed};
use crate::openssl::Pki;
use crate::{algorithm, verified};

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
