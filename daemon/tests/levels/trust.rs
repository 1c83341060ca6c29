//! `trien trust`: lists that revoke, evidence that is kept, anchors that come and go.

use std::process::Command;

use crate::support::office::Office;
use crate::support::{Desk, fail, repository, succeed};
use serde_json::{Value, json};

#[test]
fn a_revoked_certificate_signs_nothing_once_that_is_known() {
    let office = Office::new(&[("an", "ec:p256", "revoked")]);
    succeed(&mut office.sign(&[], "before.p7s"));
    succeed(
        Command::new(repository().join("testdata/pki/publish-crl.sh"))
            .arg(office.desk.pki())
            .arg("ca"),
    );
    office.import(&["ca.crl", "root.crl"]);
    let refused = fail(&mut office.sign(&[], "after.p7s"), 1);
    assert!(refused.contains("revoked"), "{refused}");
    let report = fail(&mut office.verify("before.p7s"), 1);
    assert!(report.contains("REVOKED_NO_POE"), "{report}");
}

#[test]
fn what_was_known_of_a_certificate_is_kept_with_its_signature_and_erased_on_demand() {
    let office = Office::new(&[("an", "ec:p256", "citizen")]);
    let evidence = |words: &[&str]| {
        let mut command = office.desk.trien(["trust", "evidence", "--json"]);
        let said: Value = serde_json::from_str(&succeed(command.args(words))).unwrap();
        said
    };
    assert_eq!(evidence(&[]), json!([]));
    succeed(&mut office.sign(&[], "before.p7s"));
    office.import(&["root.crl", "ca.crl"]);
    succeed(&mut office.sign(&[], "after.p7s"));
    let kept = evidence(&[]);
    let of = |place: usize| &kept[place]["path"][0]["revocation"];
    let subject = kept[0]["path"][0]["subject"].as_str().unwrap();
    assert!(subject.contains("Nguyễn Văn An"), "{kept:#}");
    assert!(
        !of(0).to_string().contains("this_update"),
        "nothing was known: {kept:#}"
    );
    assert!(
        of(1).to_string().contains("this_update"),
        "a list, and as of when: {kept:#}"
    );
    let signed = std::fs::read(office.desk.path("after.p7s")).unwrap();
    assert_eq!(
        kept[1]["results"],
        json!([hex::encode(<sha2::Sha256 as sha2::Digest>::digest(signed))])
    );
    assert_eq!(
        evidence(&["--erase", "--before", "2020-01-01T00:00:00Z"]),
        json!({ "erased": 0 })
    );
    assert_eq!(evidence(&["--erase"]), json!({ "erased": 2 }));
    assert_eq!(evidence(&[]), json!([]));
}

#[test]
fn what_others_may_write_to_is_not_relied_on_without_a_word() {
    use std::os::unix::fs::PermissionsExt;
    let office = Office::new(&[("an", "ec:p256", "citizen")]);
    succeed(&mut office.sign(&[], "b.p7s"));
    let folder = office.desk.home().join("config/trust");
    let allow = |path: &std::path::Path, mode: u32| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    succeed(&mut office.verify("b.p7s"));
    allow(&folder, 0o775);
    let told = fail(&mut office.verify("b.p7s"), 1);
    assert!(told.contains("NO_CERTIFICATE_CHAIN_FOUND"), "{told}");
    let words = ["verify", "--lang", "en", "--content"];
    let said = |extra: &[&std::path::Path]| {
        let mut verify = office.desk.trien(words);
        verify.arg(office.desk.path("đơn.txt"));
        for folder in extra {
            verify.arg("--trust").arg(folder);
        }
        let output = verify.arg(office.desk.path("b.p7s")).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code(), told)
    };
    let (code, told) = said(&[]);
    assert_eq!(code, Some(1));
    assert!(told.contains("a folder of its user alone"), "why is said: {told}");
    // Who names a folder has chosen it.
    assert_eq!(said(&[&folder]).0, Some(0));
    allow(&folder, 0o755);
    allow(&folder.join("root.pem"), 0o664);
    let (code, told) = said(&[]);
    assert_eq!(code, Some(1));
    assert!(told.contains("root.pem"), "{told}");
    allow(&folder.join("root.pem"), 0o644);
    assert_eq!(said(&[]).0, Some(0));
}

#[test]
fn trust_is_added_told_and_taken_back() {
    let office = Office::new(&[]);
    let impostor = office.desk.pki().join("impostor.pem");
    let added = succeed(office.desk.trien(["trust", "add", "--json"]).arg(&impostor));
    let added: Value = serde_json::from_str(&added).unwrap();
    let sha256 = added[0]["sha256"].as_str().unwrap().to_owned();
    let count = || {
        let listed = succeed(&mut office.desk.trien(["trust", "list", "--json"]));
        let listed: Value = serde_json::from_str(&listed).unwrap();
        listed["anchors"].as_array().unwrap().len()
    };
    assert_eq!(count(), 2);
    let warned = succeed(Command::new("sh").arg("-c").arg(format!(
        "TRIEN_HOME={} {} --lang en trust add {} 2>&1",
        office.desk.home().display(),
        env!("CARGO_BIN_EXE_trien"),
        impostor.display()
    )));
    assert!(warned.contains("none of the published ones"), "{warned}");
    succeed(&mut office.desk.trien(["trust", "remove", &sha256[..12]]));
    assert_eq!(count(), 1);
    fail(&mut office.desk.trien(["trust", "remove", &sha256[..12]]), 1);
    // A root is also published as a list of certificates that signs nothing.
    let bag = office.desk.path("root.p7b");
    let mut openssl = Command::new("openssl");
    openssl.args(["crl2pkcs7", "-nocrl", "-outform", "DER", "-certfile"]);
    succeed(openssl.arg(&impostor).arg("-out").arg(&bag));
    succeed(office.desk.trien(["trust", "add"]).arg(&bag));
    assert_eq!(count(), 2);
    succeed(&mut office.desk.trien(["trust", "remove", &sha256[..12]]));
    let by_nobody = fail(
        office
            .desk
            .trien(["trust", "import-crl"])
            .arg(office.desk.pki().join("pin")),
        3,
    );
    assert!(by_nobody.contains("cannot be read"), "{by_nobody}");
}

#[test]
fn a_published_root_is_known_by_its_fingerprint() {
    let desk = Desk::new();
    let root = repository().join("testdata/pki/published/vgca-root-g2.pem");
    let added = succeed(desk.trien(["trust", "add", "--json"]).arg(&root));
    let added: Value = serde_json::from_str(&added).unwrap();
    let name = "VGCA: RootCA chuyên dùng Chính phủ G2 (2018–2048)";
    assert_eq!(added[0]["published_as"], name);
    let output = desk
        .trien(["--lang", "en", "trust", "add"])
        .arg(&root)
        .output()
        .unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(
        told.contains("its fingerprint is the published one of") && told.contains(name),
        "{told}"
    );
    assert_eq!(
        String::from_utf8(output.stderr).unwrap(),
        "",
        "no word of caution"
    );
}

#[test]
fn a_document_with_the_signers_certificate_alone_passes_once_its_authority_is_added() {
    let office = Office::new(&[("an", "ec:p256", "citizen")]);
    let desk = &office.desk;
    // As documents of the VGCA are: they carry no certificate but the signer's, and only the root is everywhere.
    std::fs::remove_file(desk.home().join("config/trust/ca.pem")).unwrap();
    let signed = desk.path("leaf.pdf");
    let mut sign = desk.trien(["sign", "--out"]);
    let dossier = repository().join("testdata/documents/dossier.pdf");
    succeed(sign.arg(&signed).arg(dossier).args(desk.pin()));
    // pdfsig takes the signature out, and OpenSSL counts.
    let mut dump = Command::new("pdfsig");
    let _expired_or_not = dump
        .arg("-dump")
        .arg(&signed)
        .current_dir(desk.path(""))
        .output()
        .unwrap();
    let mut openssl = Command::new("openssl");
    openssl.args(["pkcs7", "-inform", "DER", "-print_certs", "-noout", "-in"]);
    let carried = succeed(openssl.arg(desk.path("leaf.pdf.sig0")));
    assert_eq!(carried.matches("subject=").count(), 1, "{carried}");

    let verify = |code: i32| {
        let output = desk.trien(["verify", "--json"]).arg(&signed).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        report[0]["signatures"][0].clone()
    };
    let unknown = verify(1);
    assert_eq!(
        unknown["sub_indication"], "NO_CERTIFICATE_CHAIN_FOUND",
        "{unknown:#}"
    );
    assert_eq!(unknown["integrity"], "intact", "{unknown:#}");
    succeed(desk.trien(["trust", "add"]).arg(desk.pki().join("ca.pem")));
    let known = verify(0);
    assert_eq!(known["indication"], "TOTAL-PASSED", "{known:#}");
    assert_eq!(known["path"].as_array().unwrap().len(), 3, "{known:#}");
}
