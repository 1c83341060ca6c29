//! Signatures that stand in a text, as OpenSSL and web plug-ins hand them out.

use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::support::{fail, read_json, succeed};
use crate::{sign_as, with_authority};

/// Bytes of a content that is not held: more than any document of a page.
const LARGE: u64 = 201 << 20;

#[test]
fn a_signature_in_pem_or_base64_is_judged_as_the_file_it_stands_for() {
    let (office, _server, _) = with_authority("ec:p256");
    office.import(&["root.crl", "ca.crl"]);
    let at = |name: &str| office.desk.path(name);
    for (detached, words) in [(false, &[][..]), (true, &["--content"][..])] {
        let kind: &[&str] = if detached { &["--detached"] } else { &[] };
        succeed(&mut sign_as(&office, "cades", ("đơn.txt", "as-it-is"), kind));
        let octets = std::fs::read(at("as-it-is")).unwrap();
        let mut openssl = Command::new("openssl");
        openssl
            .current_dir(at(""))
            .args(["cms", "-cmsout", "-inform", "DER", "-outform", "PEM"]);
        succeed(openssl.args(["-in", "as-it-is", "-out", "text.pem"]));
        let pem = std::fs::read_to_string(at("text.pem")).unwrap();
        assert!(pem.starts_with("-----BEGIN CMS-----"), "{pem}");
        let verify = |text: &str| {
            std::fs::write(at("text"), text).unwrap();
            let mut verify = office.desk.trien(["verify", "--json"]);
            if let [content] = words {
                verify.arg(content).arg(at("đơn.txt"));
            }
            verify.arg(at("text"));
            verify
        };
        for text in [
            pem.clone(),
            pem.replace("CMS-----", "PKCS7-----"),
            STANDARD.encode(&octets),
        ] {
            let report = read_json(&succeed(&mut verify(&text)));
            assert_eq!(
                report[0]["signatures"][0]["indication"], "TOTAL-PASSED",
                "{report:#}"
            );
        }
        // Without its end, twice, or under the name of something else it is none.
        for text in [
            pem.replace("-----END CMS-----", ""),
            pem.repeat(2),
            pem.replace("CMS-----", "CERTIFICATE-----"),
        ] {
            fail(&mut verify(&text), 3);
        }
    }
}

#[test]
fn a_text_is_about_a_content_of_any_size_and_what_wants_der_says_so() {
    let (office, server, _) = with_authority("ec:p256");
    office.import(&["root.crl", "ca.crl"]);
    let at = |name: &str| office.desk.path(name);
    let content = std::fs::File::create(at("large")).unwrap();
    content.set_len(LARGE).unwrap();
    succeed(&mut sign_as(
        &office,
        "cades",
        ("large", "large.p7s"),
        &["--detached"],
    ));
    let text = STANDARD.encode(std::fs::read(at("large.p7s")).unwrap());
    std::fs::write(at("large.txt"), text).unwrap();
    let mut verify = office.desk.trien(["verify", "--json", "--content"]);
    let report = read_json(&succeed(verify.arg(at("large")).arg(at("large.txt"))));
    assert_eq!(
        report[0]["signatures"][0]["indication"], "TOTAL-PASSED",
        "{report:#}"
    );

    let mut raise = office
        .desk
        .trien(["augment", "--lang", "en", "--tsa", &server.url("tsa")]);
    raise.arg(at("large.txt")).arg("--content").arg(at("large"));
    let told = fail(raise.arg("--out").arg(at("raised")), 3);
    assert!(told.contains("make DER of it first"), "{told}");
    let mut further = office
        .desk
        .trien(["sign", "--countersign", "--lang", "en", "--cert", "an"]);
    further.arg(at("large.txt")).arg("--out").arg(at("further"));
    let told = fail(further.args(office.desk.pin()), 3);
    assert!(told.contains("is made DER first"), "{told}");
}
