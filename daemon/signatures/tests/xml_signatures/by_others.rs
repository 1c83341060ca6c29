//! What xmlsec1 signs, we judge.

use crate::openssl::Pki;
use crate::{DS, by_xmlsec1, fails, passes, template_of};
use trien_signatures::report::{Integrity, Reason, Warning};
use trien_signatures::trust::Reliance;
use trien_signatures::xmldsig::{self, Options};

#[test]
fn what_xmlsec1_signs_is_accepted_and_sha_1_only_behind_the_switch() {
    let pki = Pki::new();
    let who = pki.leaf("signer", "rsa:2048");
    let sign = |method: &str, digest: &str, form: &str| {
        let template = format!(
            "<a xml:lang=\"vi\" xmlns=\"urn:a\" xmlns:q=\"urn:q\">\r\n<b Id=\"x\" q:z='&quot;'>1 &lt; 2</b><Signature xmlns=\"http://www.w3.org/2000/09/xmldsig#\"><SignedInfo>\
             <CanonicalizationMethod Algorithm=\"{form}\"/><SignatureMethod Algorithm=\"{method}\"/><Reference URI=\"#x\"><Transforms>\
             <Transform Algorithm=\"{form}\"/></Transforms><DigestMethod Algorithm=\"{digest}\"/><DigestValue/></Reference></SignedInfo>\
             <SignatureValue/><KeyInfo><X509Data/></KeyInfo></Signature></a>"
        );
        by_xmlsec1(&pki, &who, "urn:a:b", &template).into_bytes()
    };
    let intermediates = [pki.ca.certificate.clone()];
    let mut reliance = pki.reliance();
    reliance.intermediates = &intermediates;
    let forms = [
        "http://www.w3.org/TR/2001/REC-xml-c14n-20010315",
        "http://www.w3.org/2006/12/xml-c14n11",
        "http://www.w3.org/2001/10/xml-exc-c14n#",
        "http://www.w3.org/TR/2001/REC-xml-c14n-20010315#WithComments",
        "http://www.w3.org/2001/10/xml-exc-c14n#WithComments",
    ];
    for form in forms {
        let signed = sign(
            "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512",
            "http://www.w3.org/2001/04/xmlenc#sha512",
            form,
        );
        passes(&xmldsig::verify(&signed, &Options::default(), &reliance).unwrap());
    }
    let old = sign(
        "http://www.w3.org/2000/09/xmldsig#rsa-sha1",
        "http://www.w3.org/2000/09/xmldsig#sha1",
        forms[0],
    );
    fails(
        &xmldsig::verify(&old, &Options::default(), &reliance).unwrap(),
        Reason::Sha1NotAccepted,
    );
    reliance.sha1 = true;
    let report = xmldsig::verify(&old, &Options::default(), &reliance).unwrap();
    passes(&report);
    assert!(report.signatures[0].warnings.contains(&Warning::Sha1));
}

/// Signatures around a file have it in Base64, and sign the file: so do those of the Commission's DSS.
#[test]
fn what_is_signed_in_base64_is_judged_by_its_octets() {
    let pki = Pki::new();
    let who = pki.leaf("signer", "rsa:2048");
    let intermediates = [pki.ca.certificate.clone()];
    let judged = |text: &str| {
        let reliance = Reliance {
            intermediates: &intermediates,
            ..pki.reliance()
        };
        xmldsig::verify(text.as_bytes(), &Options::default(), &reliance).unwrap()
    };
    let method = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256";
    let decoded = format!("<Transform Algorithm=\"{DS}base64\"/>");
    let object = "<Object Id=\"o\">\n WGlu<!-- x -->IGNo\r\n w6Bv </Object>";
    let signed = by_xmlsec1(
        &pki,
        &who,
        &format!("{DS}:Object"),
        &template_of(method, &decoded, object),
    );
    let report = judged(&signed);
    passes(&report);
    assert_eq!(report.signatures[0].covered, ["Object#o"]);
    // The same octets in other lines are what was signed. The blank is the object's alone: value and certificate are in
    // Base64 too.
    passes(&judged(&signed.replace(" WGlu", " WG\nlu")));
    for (from, to, reason) in [
        (" WGlu", " WGlv", Reason::ReferenceDigestMismatch),
        (" WGlu", " WGl*", Reason::ReferenceDigestMismatch),
        (" w6Bv", " w6B", Reason::ReferenceDigestMismatch),
        // The text is the same, and the tag would be nobody's.
        (" WGlu", " <b xmlns=\"\">WGlu</b>", Reason::TransformNotAllowed),
        ("URI=\"#o\"", "URI=\"\"", Reason::TransformNotAllowed),
        (decoded.as_str(), "", Reason::ReferenceDigestMismatch),
    ] {
        let changed = signed.replacen(from, to, 1);
        assert_ne!(changed, signed);
        fails(&judged(&changed), reason);
    }
    // What was decoded is octets, and no transform reads them again.
    for (before, after) in [
        (
            "",
            "<Transform Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"/>",
        ),
        ("", decoded.as_str()),
        (
            "<Transform Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"/>",
            "",
        ),
    ] {
        let changed = signed.replace(&decoded, &format!("{before}{decoded}{after}"));
        fails(&judged(&changed), Reason::TransformNotAllowed);
    }
}

/// Old signatures with short keys verify behind the switch, as far as there is something that verifies them: where there
/// is not, the value is not called wrong.
#[test]
fn a_short_key_that_nothing_verifies_with_is_not_a_wrong_signature() {
    let pki = Pki::new();
    let who = pki.leaf("signer", "rsa:1024");
    let intermediates = [pki.ca.certificate.clone()];
    let judged = |text: &str, sha1: bool| {
        let reliance = Reliance {
            intermediates: &intermediates,
            sha1,
            ..pki.reliance()
        };
        xmldsig::verify(text.as_bytes(), &Options::default(), &reliance).unwrap()
    };
    let form = "<Transform Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"/>";
    for (method, verified) in [
        ("http://www.w3.org/2001/04/xmldsig-more#rsa-sha256", true),
        ("http://www.w3.org/2001/04/xmldsig-more#rsa-sha384", false),
        ("http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1", false),
    ] {
        // xmlsec1 makes no PSS; what cannot be verified may as well be another value.
        let made = method.replace(
            "2007/05/xmldsig-more#sha256-rsa-MGF1",
            "2001/04/xmldsig-more#rsa-sha256",
        );
        let template = template_of(&made, form, "<Object Id=\"o\">xin</Object>");
        let signed = by_xmlsec1(&pki, &who, &format!("{DS}:Object"), &template).replace(&made, method);
        fails(&judged(&signed, false), Reason::KeyTooShort);
        let report = &judged(&signed, true).signatures[0];
        if verified {
            assert_eq!(report.integrity, Integrity::Intact, "{method}: {report:#?}");
        } else {
            assert_eq!(report.integrity, Integrity::NotChecked, "{method}: {report:#?}");
            assert_eq!(report.reason, Some(Reason::KeyTooShort), "{method}");
        }
    }
}
