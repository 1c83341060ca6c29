//! What Python's packages make and judge: python-docx, openpyxl and python-pptx as makers of Office documents,
//! signxml as signer and judge of XML signatures, pyHanko as judge of CAdES, certomancer as an authority for
//! time-stamps, lists and revocation answers.

#![allow(clippy::unwrap_used, reason = "what cannot be set up is a test that fails")]

mod authority;
mod imprints;
mod judge;
mod libreoffice;
mod openssl;

use std::path::{Path, PathBuf};

use authority::Authority;
use judge::python;
use libreoffice::LibreOffice;
use openssl::{Identity, Pki};
use time::{Duration, OffsetDateTime};
use trien_signatures::algorithm::{Hash, RsaPadding, SignatureAlgorithm};
use trien_signatures::augment::Augment;
use trien_signatures::cades::{self, CadesRequest, CadesSignature};
use trien_signatures::certificate::Certificate;
use trien_signatures::ooxml::{self, OoxmlRequest};
use trien_signatures::report::{Level, Reason, RevocationStatus, TimestampKind};
use trien_signatures::revocation::{Crl, OcspResponse, Revocations};
use trien_signatures::signing::Prepared;
use trien_signatures::timestamp::{Imprint, TimestampRequest};
use trien_signatures::trust::{Anchors, Reliance};
use trien_signatures::validation;
use trien_signatures::xades::{self, Packaging, XadesRequest};
use trien_signatures::xmldsig::{self, Options, Template, XmlDsigRequest};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn algorithm(who: &Identity) -> SignatureAlgorithm {
    SignatureAlgorithm::for_key(who.certificate.public_key(), RsaPadding::Pkcs1, Hash::Sha256).unwrap()
}

fn finish(pki: &Pki, who: &Identity, prepared: impl Prepared) -> Vec<u8> {
    let value = pki
        .workshop
        .sign(who, prepared.algorithm(), prepared.to_be_signed());
    prepared.finish(value).unwrap()
}

/// A document of each library, with Vietnamese text, tables and pictures where it has them.
const MAKERS: &str = r#"
import io, sys
from PIL import Image
folder = sys.argv[1]
picture = io.BytesIO()
Image.new('RGB', (40, 20), (180, 0, 0)).save(picture, 'PNG')
import docx
document = docx.Document()
document.add_heading('Đơn đề nghị', 0)
document.add_paragraph('Kính gửi: Ủy ban nhân dân phường')
table = document.add_table(rows=2, cols=2)
table.cell(0, 0).text = 'Họ và tên'
picture.seek(0)
document.add_picture(picture)
document.sections[0].header.paragraphs[0].text = 'Số: 12/2026'
document.save(folder + '/docx.docx')
import openpyxl
from openpyxl.chart import BarChart, Reference
book = openpyxl.Workbook()
sheet = book.active
for row in [('Khoản', 'Số tiền'), ('Lệ phí', 50000), ('Phí', 20000)]:
    sheet.append(row)
sheet['C2'] = '=SUM(B2:B3)'
chart = BarChart()
chart.add_data(Reference(sheet, min_col=2, min_row=1, max_row=3), titles_from_data=True)
sheet.add_chart(chart, 'E2')
book.create_sheet('Phụ lục')
book.save(folder + '/xlsx.xlsx')
import pptx
show = pptx.Presentation()
slide = show.slides.add_slide(show.slide_layouts[1])
slide.shapes.title.text = 'Báo cáo'
picture.seek(0)
slide.shapes.add_picture(picture, 0, 0)
show.save(folder + '/pptx.pptx')
"#;

#[test]
fn office_documents_of_python_libraries_are_signed_and_libreoffice_accepts_them() {
    let pki = Pki::new();
    let who = pki.leaf("signer", "rsa:2048");
    let office = LibreOffice::new(&pki, &who);
    let folder = office.path("");
    python(&["-c", MAKERS, folder.to_str().unwrap()]).unwrap();
    let chain = [pki.ca.certificate.clone()];
    let mut signed = Vec::new();
    for name in ["docx.docx", "xlsx.xlsx", "pptx.pptx"] {
        let request = OoxmlRequest {
            signer: &who.certificate,
            chain: &chain,
            algorithm: algorithm(&who),
            signing_time: OffsetDateTime::now_utc(),
            reason: None,
        };
        let made = std::fs::read(office.path(name)).unwrap();
        let bytes = finish(&pki, &who, ooxml::prepare(&made, &request).unwrap());
        let report = ooxml::verify(&bytes, &pki.reliance()).unwrap();
        assert!(report.valid(), "{name}: {report:#?}");
        signed.push((name, bytes));
    }
    let documents: Vec<(&str, &[u8])> = signed
        .iter()
        .map(|(name, bytes)| (*name, bytes.as_slice()))
        .collect();
    assert_eq!(office.judge(&documents), [[true], [true], [true]]);
}

/// signxml signs a document, XML-DSig or XAdES, or says whether it accepts one.
const SIGNXML: &str = r#"
import sys
from lxml import etree
from signxml import SignatureConfiguration, SignatureMethod, XMLSigner, XMLVerifier
from signxml.xades import XAdESSigner, XAdESSignatureConfiguration, XAdESVerifier
verb, kind, file, certificates = sys.argv[1:5]
chain = open(certificates).read()
if verb == 'sign':
    algorithm = getattr(SignatureMethod, sys.argv[6])
    signer = (XAdESSigner if kind == 'xades' else XMLSigner)(signature_algorithm=algorithm)
    document = etree.fromstring(open(file, 'rb').read())
    sys.stdout.write(etree.tostring(signer.sign(document, key=open(sys.argv[5]).read(), cert=chain)).decode('ascii'))
else:
    references = int(sys.argv[5])
    if kind == 'xades':
        configuration = XAdESSignatureConfiguration(expect_references=references)
        XAdESVerifier().verify(open(file, 'rb').read(), x509_cert=chain, expect_config=configuration)
    else:
        configuration = SignatureConfiguration(expect_references=references)
        XMLVerifier().verify(open(file, 'rb').read(), x509_cert=chain, expect_config=configuration)
"#;

/// With names in ASCII: signxml writes others as references, which names cannot have.
const LETTER: &str = "<thu xmlns=\"urn:thu\" so=\"12\"><nguoi>Nguyễn Thị Ánh</nguoi> &amp; gia đình</thu>";

#[test]
fn signxml_accepts_ours_and_we_accept_its_own() {
    let pki = Pki::new();
    let shop = &pki.workshop;
    let letter = shop.write("letter.xml", LETTER.as_bytes());
    let chain = [pki.ca.certificate.clone()];
    let (pkcs1, pss) = (RsaPadding::Pkcs1, RsaPadding::Pss);
    for (name, key, padding, hash, method) in [
        ("rsa", "rsa:2048", pkcs1, Hash::Sha256, "RSA_SHA256"),
        ("p384", "ec:P-384", pkcs1, Hash::Sha384, "ECDSA_SHA384"),
        // xmlsec1 has no name for these.
        ("pss", "rsa:2048", pss, Hash::Sha256, "SHA256_RSA_MGF1"),
        ("pss512", "rsa:3072", pss, Hash::Sha512, "SHA512_RSA_MGF1"),
    ] {
        let who = pki.leaf(name, key);
        let algorithm = SignatureAlgorithm::for_key(who.certificate.public_key(), padding, hash).unwrap();
        let certificate = shop.path(&format!("{name}.crt"));
        let certificate = certificate.to_str().unwrap();
        let template = Template::named("general").unwrap();
        let request = XmlDsigRequest {
            template: &template,
            signer: &who.certificate,
            chain: &chain,
            algorithm,
            signing_time: OffsetDateTime::now_utc(),
        };
        let plain = finish(&pki, &who, xmldsig::prepare(LETTER.into(), &request).unwrap());
        let request = XadesRequest {
            signer: &who.certificate,
            chain: &chain,
            algorithm,
            signing_time: OffsetDateTime::now_utc(),
        };
        let packaging = Packaging::Enveloped(LETTER.into());
        let qualified = finish(&pki, &who, xades::prepare(packaging, &request).unwrap());
        for (kind, ours) in [("plain", plain), ("xades", qualified)] {
            let references = String::from_utf8_lossy(&ours).matches("<DigestValue>").count();
            let references = if kind == "xades" { 2 } else { references };
            let file = shop.write(&format!("{name}-{kind}.xml"), &ours);
            let file = file.to_str().unwrap();
            let count = references.to_string();
            python(&["-c", SIGNXML, "verify", kind, file, certificate, &count]).unwrap();
            let other = String::from_utf8(ours).unwrap().replacen("Nguyễn", "Nguyên", 1);
            let other = shop.write("changed.xml", other.as_bytes());
            let other = other.to_str().unwrap();
            let refused = python(&["-c", SIGNXML, "verify", kind, other, certificate, &count]).unwrap_err();
            assert!(refused.contains("InvalidDigest"), "{refused}");

            let (letter, key) = (letter.to_str().unwrap(), who.key.to_str().unwrap());
            let theirs = python(&["-c", SIGNXML, "sign", kind, letter, certificate, key, method]).unwrap();
            let judged = |text: &str| {
                let mut reliance = pki.reliance();
                reliance.intermediates = &chain;
                xmldsig::verify(text.as_bytes(), &Options::default(), &reliance).unwrap()
            };
            let report = judged(&theirs);
            assert!(report.valid(), "{kind}: {report:#?}");
            let declared = report.signatures[0].algorithm.unwrap();
            let is_pss = matches!(declared, SignatureAlgorithm::RsaPss(_));
            assert_eq!((is_pss, declared.hash()), (padding == pss, hash), "{method}");
            let level = (kind == "xades").then_some(Level::BB);
            assert_eq!(report.signatures[0].level, level);
            let report = judged(&theirs.replacen("12", "13", 1));
            assert_eq!(report.signatures[0].reason, Some(Reason::ReferenceDigestMismatch));
        }
    }
}

#[test]
fn pyhanko_accepts_cades_at_every_level() {
    const CONTENT: &[u8] = "Hồ sơ số 12/2026".as_bytes();
    let pki = Pki::new();
    let who = pki.leaf("signer", "rsa:2048");
    let authority = Authority::new(&pki);
    let shop = &pki.workshop;
    let content = shop.write("content", CONTENT);
    let pyhanko = |name: &str, signed: &[u8]| {
        let file = shop.write(name, signed);
        let script = root().join("daemon/tests/judges/cades.py");
        let trust = shop.path("root.crt");
        let said = python(&[
            script.to_str().unwrap(),
            file.to_str().unwrap(),
            content.to_str().unwrap(),
            "--trust",
            trust.to_str().unwrap(),
        ]);
        let said: serde_json::Value = serde_json::from_str(&said.unwrap()).unwrap();
        assert_eq!(
            (&said["intact"], &said["valid"], &said["trusted"]),
            (&true.into(), &true.into(), &true.into()),
            "{name}: {said}"
        );
        said["stamped"].as_bool()
    };
    let request = CadesRequest {
        content: CONTENT,
        detached: true,
        signer: &who.certificate,
        chain: std::slice::from_ref(&pki.ca.certificate),
        algorithm: algorithm(&who),
        signing_time: OffsetDateTime::now_utc(),
    };
    let b = finish(&pki, &who, cades::prepare(&request).unwrap());
    let open =
        |signed: &[u8]| CadesSignature::open(signed, vec![Imprint::of(Hash::Sha256, CONTENT)]).unwrap();
    let stamp = |signed: &[u8], kind| {
        let prepared = open(signed).prepare_timestamp(kind, Hash::Sha256).unwrap();
        let token = authority.stamp(prepared.imprint());
        prepared.finish(&token).unwrap()
    };
    let t = stamp(&b, TimestampKind::Signature);
    let lt = open(&t).add_material(&authority.material()).unwrap();
    let lta = stamp(&lt, TimestampKind::Archive);
    for (name, signed, stamped) in [
        ("b", &b, None),
        ("t", &t, Some(true)),
        ("lt", &lt, Some(true)),
        ("lta", &lta, Some(true)),
    ] {
        assert_eq!(pyhanko(name, signed), stamped, "{name}");
    }
    // pyHanko knows neither lists nor archive time-stamps in CMS: asn1crypto takes those apart.
    let renewed = stamp(&lta, TimestampKind::Archive);
    let content = ["--content", content.to_str().unwrap()];
    for (name, signed, kinds) in [
        ("t", &t, &["signature"][..]),
        ("lt", &lt, &["signature"]),
        ("lta", &lta, &["signature", "archive"]),
        ("renewed", &renewed, &["signature", "archive", "archive"]),
    ] {
        let file = shop.write(name, signed);
        let verified = imprints::verified(shop, "imprints.py", &file, &content, &["-CAfile", "root.crt"]);
        assert_eq!(verified, kinds, "{name}");
    }
}

/// A PKI as certomancer describes one; what is not said of the revoked certificate is as with the other.
const ARCHITECTURE: &str = r#"
external-url-prefix: "http://ca.example"
keysets:
  vn:
    path-prefix: .
    keys:
      root: {path: root.key}
      interm: {path: interm.key}
      ocsp: {path: ocsp.key}
      tsa: {path: tsa.key}
      signer: {path: signer.key}
pki-architectures:
  vn:
    keyset: vn
    entity-defaults: {country-name: VN, organization-name: Cơ quan Thử nghiệm}
    entities:
      root: {common-name: Root}
      interm: {common-name: CA}
      ocsp: {common-name: OCSP}
      tsa: {common-name: TSA}
      signer: {common-name: Nguyễn Văn An}
    certs:
      root:
        subject: root
        subject-key: root
        issuer: root
        authority-key: root
        validity: {valid-from: "2020-01-01T00:00:00+0000", valid-to: "2060-01-01T00:00:00+0000"}
        profiles: [{id: simple-ca, params: {crl-repo: root}}]
      interm:
        issuer: root
        validity: {valid-from: "2020-01-01T00:00:00+0000", valid-to: "2050-01-01T00:00:00+0000"}
        profiles: [{id: simple-ca, params: {max-path-len: 0, crl-repo: interm, ocsp-service: interm}}]
      ocsp:
        issuer: interm
        validity: {valid-from: "2020-01-01T00:00:00+0000", valid-to: "2050-01-01T00:00:00+0000"}
        profiles: [ocsp-responder]
      tsa:
        issuer: root
        validity: {valid-from: "2020-01-01T00:00:00+0000", valid-to: "2050-01-01T00:00:00+0000"}
        extensions:
          - {id: key_usage, critical: true, smart-value: {schema: key-usage, params: [digital_signature]}}
          - {id: extended_key_usage, critical: true, value: [time_stamping]}
      signer:
        issuer: interm
        validity: {valid-from: "2020-01-01T00:00:00+0000", valid-to: "2050-01-01T00:00:00+0000"}
        profiles: [digsig-commitment]
      revoked:
        template: signer
        subject: signer
        subject-key: signer
        revocation: {revoked-since: "2024-01-01T00:00:00+0000", reason: key_compromise}
    services:
      ocsp:
        interm: {for-issuer: interm, responder-cert: ocsp, signing-key: ocsp}
      crl-repo:
        root: {for-issuer: root, signing-key: root, simulated-update-schedule: "P90D"}
        interm: {for-issuer: interm, signing-key: interm, simulated-update-schedule: "P90D"}
      time-stamping:
        tsa: {signing-key: tsa, signing-cert: tsa}
"#;

/// Certificates, lists and answers of certomancer, which has no command for all of them.
const SUMMON: &str = r#"
import sys, datetime
from certomancer.registry.config import CertomancerConfig
from certomancer.registry.common import ArchLabel, CertLabel, ServiceLabel
folder = sys.argv[1]
config = CertomancerConfig.from_file(folder + '/pki.yml')
arch = config.get_pki_arch(ArchLabel('vn'))
now = datetime.datetime.now(tz=datetime.timezone.utc)
def write(name, value):
    open(f'{folder}/{name}', 'wb').write(value.dump())
for label in ('root', 'interm', 'signer', 'revoked'):
    write(label + '.der', arch.get_cert(CertLabel(label)))
for label in ('root', 'interm'):
    write(label + '.crl', arch.service_registry.get_crl(ServiceLabel(label), at_time=now))
from asn1crypto import ocsp
import hashlib
issuer = arch.get_cert(CertLabel('interm'))
for label in ('signer', 'revoked'):
    certificate = arch.get_cert(CertLabel(label))
    asked = ocsp.CertId({'hash_algorithm': {'algorithm': 'sha1'}, 'issuer_name_hash': hashlib.sha1(issuer.subject.dump()).digest(),
        'issuer_key_hash': hashlib.sha1(bytes(issuer.public_key['public_key'])).digest(),
        'serial_number': certificate.serial_number})
    responder = arch.service_registry.summon_responder(ServiceLabel('interm'), now)
    request = ocsp.OCSPRequest({'tbs_request': ocsp.TBSRequest({'request_list': [ocsp.Request({'req_cert': asked})]})})
    write(label + '.ocsp', responder.build_ocsp_response(request))
from asn1crypto import tsp
query = tsp.TimeStampReq.load(open(folder + '/query.tsq', 'rb').read())
write('answer.tsr', arch.service_registry.summon_timestamper(ServiceLabel('tsa'), now).request_tsa_response(query))
"#;

#[test]
fn certomancer_stamps_and_answers_for_its_certificates_and_its_lists_name_the_revoked_one() {
    let folder = tempfile::tempdir().unwrap();
    let shop = openssl::Workshop::new();
    for name in ["root", "interm", "ocsp", "tsa", "signer"] {
        std::fs::copy(
            shop.key(name, "rsa:2048"),
            folder.path().join(format!("{name}.key")),
        )
        .unwrap();
    }
    std::fs::write(folder.path().join("pki.yml"), ARCHITECTURE).unwrap();
    let imprint = Imprint::of(Hash::Sha256, b"stamped");
    let query = TimestampRequest::new(imprint.clone(), &[0x41, 7, 7, 7, 7, 7, 7, 7], None).unwrap();
    std::fs::write(folder.path().join("query.tsq"), query.as_der()).unwrap();
    python(&["-c", SUMMON, folder.path().to_str().unwrap()]).unwrap();
    let read = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
    let certificate = |name: &str| Certificate::from_der(&read(&format!("{name}.der"))).unwrap();
    let anchors = Anchors::new(vec![certificate("root")]);
    let intermediates = [certificate("interm")];
    // Its answers have fractions of seconds, against RFC 6960, and its next update may be the very moment.
    let now = OffsetDateTime::now_utc() + Duration::seconds(1);
    let token = query.accept(&read("answer.tsr"), &[], now).unwrap();
    assert!(token.is_about(&imprint));
    let reliance = Reliance::new(&anchors, &intermediates, now);
    token.validate(&[], Revocations::NONE, &reliance).unwrap();
    for (name, expected) in [
        ("signer", RevocationStatus::Good),
        ("revoked", RevocationStatus::Revoked),
    ] {
        for by_answer in [true, false] {
            let mut known = Revocations::default();
            known.add_crl(Crl::from_der(&read("root.crl")).unwrap());
            if by_answer {
                known.add_response(OcspResponse::from_der(&read(&format!("{name}.ocsp"))).unwrap());
            } else {
                known.add_crl(Crl::from_der(&read("interm.crl")).unwrap());
            }
            let reliance = Reliance {
                revocations: &known,
                require_revocation: true,
                ..Reliance::new(&anchors, &intermediates, now)
            };
            let verdict = validation::certificate(&certificate(name), &[], Revocations::NONE, &reliance);
            assert_eq!(
                verdict.finding.is_ok(),
                expected == RevocationStatus::Good,
                "{name}, by an answer: {by_answer}: {verdict:#?}"
            );
            if expected == RevocationStatus::Revoked {
                assert_eq!(verdict.finding.unwrap_err().1, Reason::CertificateRevoked);
            }
        }
    }
}
