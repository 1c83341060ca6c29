//! What goes to the tax office beside declarations and invoices: registrations, and notices about invoices.

use time::OffsetDateTime;
use trien_signatures::algorithm::{Hash, RsaPadding};
use trien_signatures::report::{Reason, TimeSource, Warning};
use trien_signatures::xmldsig::{self, Template, XmlDsigRequest, XmlPrepareError};

use crate::openssl::{Identity, Pki};
use crate::{algorithm, by_template, fails, passes, verified, xmlsec1};

const REGISTRATION: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<DKyThueDTu \
    xmlns=\"http://kekhaithue.gdt.gov.vn/HSoDKy\"><DKyThue><TTinChung><CQT><maCQT>10100</maCQT></CQT></TTinChung>\
    <NDungDKy><email>an@example.vn</email></NDungDKy></DKyThue></DKyThueDTu>";

/// A notice with this Id, and with what stands behind its data.
fn notice(id: &str, behind: &str) -> String {
    format!(
        "<TBao><DLTBao Id=\"{id}\"><MSo>04/SS-HĐĐT</MSo><DSHDon><HDon><STT>1</STT></HDon></DSHDon></DLTBao>{behind}\
         <DSCKS><NNT/><CCKSKhac/></DSCKS></TBao>"
    )
}

/// The message that notices are sent in.
fn message(notices: &str) -> String {
    format!("<TDiep><TTChung><MLTDiep>300</MLTDiep></TTChung><DLieu>{notices}</DLieu></TDiep>")
}

fn refusal(pki: &Pki, who: &Identity, name: &str, document: &str) -> XmlPrepareError {
    let request = XmlDsigRequest {
        template: &Template::named(name).unwrap(),
        signer: &who.certificate,
        chain: std::slice::from_ref(&pki.ca.certificate),
        algorithm: algorithm(who, RsaPadding::Pkcs1, Hash::Sha256),
        signing_time: OffsetDateTime::now_utc(),
    };
    xmldsig::prepare(document.as_bytes().to_vec(), &request).unwrap_err()
}

#[test]
fn a_registration_for_electronic_tax_services_is_signed_in_ckydtu() {
    let pki = Pki::new();
    let who = pki.leaf("payer", "rsa:2048");
    let with = algorithm(&who, RsaPadding::Pkcs1, Hash::Sha256);
    // The place is made where it is missing, and the Id that the document has is taken.
    let with_place = REGISTRATION
        .replace("<DKyThue>", "<DKyThue id=\"ID1\">")
        .replace("</DKyThueDTu>", "<CKyDTu/></DKyThueDTu>");
    for (document, id) in [(REGISTRATION, "NODETOSIGN"), (&with_place, "ID1")] {
        let once = by_template(&pki, &who, with, "tax-registration", document.as_bytes());
        let text = String::from_utf8(once.clone()).unwrap();
        assert!(text.contains(&format!("<DKyThue id=\"{id}\">")), "{text}");
        assert!(text.contains("</DKyThue><CKyDTu><Signature "), "{text}");
        let report = verified(&pki, &once);
        passes(&report);
        let signature = &report.signatures[0];
        assert_eq!(signature.covered, [format!("DKyThue#{id}")]);
        assert!(signature.not_covered.is_empty(), "{signature:#?}");
        assert_eq!(signature.signing_time.unwrap().source, TimeSource::SignerProperty);
        let other = text.replace("an@example.vn", "em@example.vn");
        fails(&verified(&pki, other.as_bytes()), Reason::ReferenceDigestMismatch);
        // The accountant and the director sign one after the other.
        let twice = by_template(&pki, &who, with, "tax-registration", &once);
        let report = verified(&pki, &twice);
        passes(&report);
        assert_eq!(report.signatures.len(), 2);
        for place in ["1", "2"] {
            let at = format!("(//*[local-name()='CKyDTu']/*[local-name()='Signature'])[{place}]");
            xmlsec1(&pki, &twice, &at).unwrap();
        }
    }
    let refused = refusal(
        &pki,
        &who,
        "tax-registration",
        "<HSoThueDTu><CKyDTu/></HSoThueDTu>",
    );
    assert!(matches!(refused, XmlPrepareError::NoPlace(_)), "{refused:?}");
}

#[test]
fn a_notice_is_signed_by_itself_or_in_its_message_by_the_taxpayer_and_the_tax_authority() {
    let pki = Pki::new();
    let who = pki.leaf("signer", "rsa:2048");
    let with = algorithm(&who, RsaPadding::Pkcs1, Hash::Sha256);
    let number = "<STBao><So>12/TB</So><NTBao>2026-11-30</NTBao></STBao>";
    for (document, numbered) in [
        (notice("a", ""), false),
        (message(&notice("a", "")), false),
        (message(&notice("a", number)), true),
    ] {
        let once = by_template(&pki, &who, with, "e-invoice-notice", document.as_bytes());
        let report = verified(&pki, &once);
        passes(&report);
        assert_eq!(report.signatures[0].covered, ["DLTBao#a"]);
        // The number of a notice is given by the authority, after the taxpayer has signed.
        let signed_all = !report.signatures[0].warnings.contains(&Warning::NotAllCovered);
        assert_eq!(signed_all, document.starts_with("<TBao>"), "{report:#?}");
        let twice = by_template(&pki, &who, with, "e-invoice-notice-tax-authority", &once);
        let report = verified(&pki, &twice);
        passes(&report);
        assert_eq!(report.signatures.len(), 2);
        let covered: &[&str] = if numbered {
            &["DLTBao#a", "STBao#STBao"]
        } else {
            &["DLTBao#a"]
        };
        assert_eq!(report.signatures[1].covered, covered);
        for party in ["NNT", "CQT"] {
            let at = format!("//TBao/DSCKS/{party}/*[local-name()='Signature']");
            xmlsec1(&pki, &twice, &at).unwrap();
        }
        let text = String::from_utf8(twice).unwrap();
        let other = text.replace("<MSo>04/SS", "<MSo>05/SS");
        fails(&verified(&pki, other.as_bytes()), Reason::ReferenceDigestMismatch);
    }
}

/// Which of several is meant, no path says.
#[test]
fn of_several_notices_in_one_message_none_is_signed_at_random() {
    let pki = Pki::new();
    let who = pki.leaf("signer", "ec:P-256");
    let several = message(&(notice("a", "") + &notice("b", "")));
    let two_places = message(&notice("a", "")).replace("<NNT/>", "<NNT/><NNT/>");
    for (name, document) in [
        ("e-invoice-notice", &several),
        ("e-invoice-notice-tax-authority", &several),
        ("e-invoice-notice", &two_places),
    ] {
        let refused = refusal(&pki, &who, name, document);
        assert!(
            matches!(refused, XmlPrepareError::Several(_)),
            "{name}: {refused:?}"
        );
    }
    // A registration beside another one.
    let both = REGISTRATION.split_once("?>\n").unwrap().1.repeat(2);
    let refused = refusal(&pki, &who, "tax-registration", &format!("<goi>{both}</goi>"));
    assert!(matches!(refused, XmlPrepareError::Several(_)), "{refused:?}");
}
