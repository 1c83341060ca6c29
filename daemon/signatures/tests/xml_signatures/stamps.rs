//! Time-stamps of the content, of references and of the older archive: lxml says what each is about, OpenSSL's authority
//! stamps that.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use time::OffsetDateTime;
use trien_signatures::algorithm::{Hash, RsaPadding};
use trien_signatures::augment::Augment;
use trien_signatures::report::{Level, Reason, Report, SignatureReport, TimestampKind, Warning};
use trien_signatures::timestamp::{Imprint, TimestampToken};
use trien_signatures::trust::Reliance;
use trien_signatures::xades::{Packaging, XadesSignature};
use trien_signatures::xmldsig::{self, Options};

use crate::authority::Authority;
use crate::openssl::{Identity, Pki};
use crate::{DS, LETTER, algorithm, by_xades, by_xmlsec1_with, judge};

const XADES: &str = "http://uri.etsi.org/01903/v1.3.2#";
const XADES_141: &str = "http://uri.etsi.org/01903/v1.4.1#";
const SHA_256: &str = "http://www.w3.org/2001/04/xmlenc#sha256";

/// An office: people, an authority, and what stands in a document until the token is known.
struct Office<'a> {
    pki: &'a Pki,
    authority: Authority<'a>,
    dummy: TimestampToken,
}

impl<'a> Office<'a> {
    fn new(pki: &'a Pki) -> Self {
        let authority = Authority::new(pki);
        let dummy = authority.stamp(&Imprint::of(Hash::Sha256, b"something else"));
        Self {
            pki,
            authority,
            dummy,
        }
    }

    /// A property with the token that is none of its own yet.
    fn property(&self, namespace: &str, name: &str, inside: &str) -> String {
        format!(
            "<t:{name} xmlns:t=\"{namespace}\" xmlns:xades=\"{XADES}\">{inside}<ds:CanonicalizationMethod xmlns:ds=\"{DS}\" \
             Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"/><xades:EncapsulatedTimeStamp>{}\
             </xades:EncapsulatedTimeStamp></t:{name}>",
            BASE64.encode(self.dummy.as_der())
        )
    }

    /// The document with the token of the one time-stamp that has none of its own: over what lxml says it is about.
    fn stamped(&self, text: &str) -> String {
        let shop = &self.pki.workshop;
        let dummy = BASE64.encode(self.dummy.as_der());
        assert_eq!(text.matches(&dummy).count(), 1);
        let file = shop.write("stamped.xml", text.as_bytes());
        let into = shop.path("stamped");
        std::fs::create_dir_all(&into).unwrap();
        let folder = into.to_str().unwrap();
        let script = judge::script("stamps.py");
        let said = judge::python(&[&script, file.to_str().unwrap(), "--into", folder]).unwrap();
        let token = |line: &usize| std::fs::read(into.join(format!("{line}.tst"))).unwrap();
        let line = (0..said.lines().count()).find(|line| token(line) == self.dummy.as_der());
        let data = std::fs::read(into.join(format!("{}.data", line.unwrap()))).unwrap();
        let own = self.authority.stamp(&Imprint::of(Hash::Sha256, &data));
        text.replace(&dummy, &BASE64.encode(own.as_der()))
    }

    fn judged(&self, text: &str) -> SignatureReport {
        let intermediates = [self.pki.ca.certificate.clone()];
        let at = OffsetDateTime::now_utc() + time::Duration::seconds(2);
        let reliance = Reliance::new(&self.pki.anchors, &intermediates, at);
        let report: Report = xmldsig::verify(text.as_bytes(), &Options::default(), &reliance).unwrap();
        // Whatever its time-stamps are worth, the signature is genuine.
        assert!(report.valid(), "{report:#?}");
        report.signatures.into_iter().next().unwrap()
    }
}

/// Kind of each time-stamp, and why it is not believed.
fn stamps(report: &SignatureReport) -> Vec<(TimestampKind, Option<Reason>)> {
    let stamps = report.timestamps.iter();
    let warned = report.warnings.contains(&Warning::TimestampNotValid);
    assert_eq!(warned, stamps.clone().any(|stamp| !stamp.valid), "{report:#?}");
    assert!(stamps.clone().all(|stamp| stamp.valid == stamp.reason.is_none()));
    stamps.map(|stamp| (stamp.kind, stamp.reason)).collect()
}

/// The tokens in a document, in its order.
fn tokens(text: &str) -> Vec<&str> {
    let inside = text.split("EncapsulatedTimeStamp").skip(1).step_by(2);
    inside
        .map(|part| part.split_once('>').unwrap().1.split_once('<').unwrap().0)
        .collect()
}

/// A signature over two objects by xmlsec1, with these properties of them.
fn over_two_objects(who: &Identity, properties: &str) -> String {
    let reference = |name: &str, to: &str, form: &str| {
        format!(
            "<Reference Id=\"{name}\" URI=\"#{to}\">{form}<DigestMethod Algorithm=\"{SHA_256}\"/><DigestValue/></Reference>"
        )
    };
    let exclusive =
        "<Transforms><Transform Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"/></Transforms>";
    let certificate = BASE64.encode(who.certificate.sha256());
    format!(
        "<Signature xmlns=\"{DS}\" Id=\"s\"><SignedInfo><CanonicalizationMethod \
         Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"/><SignatureMethod \
         Algorithm=\"http://www.w3.org/2001/04/xmldsig-more#rsa-sha256\"/>{}{}{}</SignedInfo><SignatureValue/><KeyInfo>\
         <X509Data/></KeyInfo><Object Id=\"o1\">một</Object><Object Id=\"o2\"><hai xmlns=\"urn:hai\"/></Object><Object>\
         <xades:QualifyingProperties xmlns:xades=\"{XADES}\" Target=\"#s\"><xades:SignedProperties Id=\"p\">\
         <xades:SignedSignatureProperties><xades:SigningTime>{}</xades:SigningTime><xades:SigningCertificateV2><xades:Cert>\
         <xades:CertDigest><DigestMethod Algorithm=\"{SHA_256}\"/><DigestValue>{certificate}</DigestValue></xades:CertDigest>\
         </xades:Cert></xades:SigningCertificateV2></xades:SignedSignatureProperties><xades:SignedDataObjectProperties>\
         {properties}</xades:SignedDataObjectProperties></xades:SignedProperties></xades:QualifyingProperties></Object>\
         </Signature>",
        reference("r1", "o1", exclusive),
        reference("r2", "o2", ""),
        reference("r3", "p", exclusive),
        OffsetDateTime::now_utc()
            .format(&time::format_description::well_known::Rfc3339)
            .unwrap(),
    )
}

#[test]
fn time_stamps_of_the_content_are_about_what_the_references_point_to() {
    let pki = Pki::new();
    let who = pki.leaf("signer", "rsa:2048");
    let office = Office::new(&pki);
    let signed = |template: &str| {
        let names = [format!("{DS}:Object"), format!("{XADES}:SignedProperties")];
        by_xmlsec1_with(&pki, &who, &names.each_ref().map(String::as_str), template)
    };
    let include = |uri: &str, data: &str| format!("<xades:Include URI=\"{uri}\" {data}/>");
    let whole = || office.property(XADES, "AllDataObjectsTimeStamp", "");
    let parts = |included: &str| office.property(XADES, "IndividualDataObjectsTimeStamp", included);
    let data = "referencedData=\"true\"";
    let right = [(TimestampKind::Content, None)];
    let mut own = Vec::new();
    for property in [
        whole(),
        parts(&include("#r2", data)),
        parts(&(include("#r2", data) + &include("#r1", data))),
    ] {
        let template = office.stamped(&over_two_objects(&who, &property));
        let report = office.judged(&signed(&template));
        assert_eq!(stamps(&report), right);
        assert_eq!(
            report.level,
            Some(Level::BB),
            "the signature itself is not proven"
        );
        assert_eq!(report.best_signature_time, None);
        own.push(tokens(&template)[0].to_owned());
    }
    // The token of one is none for another, and an Include that names no reference covers nothing.
    let wrong = [(TimestampKind::Content, Some(Reason::TimestampImprintMismatch))];
    let dummy = BASE64.encode(office.dummy.as_der());
    for (property, token) in [
        (whole(), &own[1]),
        (whole(), &own[2]),
        (whole(), &dummy),
        (parts(&include("#r2", data)), &own[0]),
        (parts(&(include("#r1", data) + &include("#r2", data))), &own[2]),
        (parts(&include("#r2", "")), &own[1]),
        (parts(&include("#o2", data)), &own[1]),
        (parts(&include("#none", data)), &own[1]),
        (parts(&include("r2", data)), &own[1]),
        (parts(""), &own[0]),
    ] {
        let template = over_two_objects(&who, &property.replace(&dummy, token));
        assert_eq!(stamps(&office.judged(&signed(&template))), wrong, "{property}");
    }
    let property = whole().replace(&dummy, "AAAA");
    let unreadable = office.judged(&signed(&over_two_objects(&who, &property)));
    let malformed = [(TimestampKind::Content, Some(Reason::TimestampMalformed))];
    assert_eq!(stamps(&unreadable), malformed);
}

/// A XAdES signature at B-T, with these properties behind what is there.
fn with_properties(signed: &str, properties: &str) -> String {
    let end = "</xades:UnsignedSignatureProperties>";
    assert_eq!(signed.matches(end).count(), 1);
    signed.replace(end, &format!("{properties}{end}"))
}

/// CompleteCertificateRefs and CompleteRevocationRefs.
fn references(certificates: &str, certificate: &[u8], crl: &[u8]) -> String {
    let digest = |holder: &str, der: &[u8]| {
        format!(
            "<xades:{holder}><ds:DigestMethod Algorithm=\"{SHA_256}\"/><ds:DigestValue>{}</ds:DigestValue></xades:{holder}>",
            BASE64.encode(Hash::Sha256.digest(der))
        )
    };
    format!(
        "<r:{certificates} xmlns:r=\"{}\" xmlns:xades=\"{XADES}\" xmlns:ds=\"{DS}\"><r:CertRefs><xades:Cert>{}</xades:Cert>\
         </r:CertRefs></r:{certificates}><xades:CompleteRevocationRefs xmlns:xades=\"{XADES}\" xmlns:ds=\"{DS}\">\
         <xades:CRLRefs><xades:CRLRef>{}</xades:CRLRef></xades:CRLRefs></xades:CompleteRevocationRefs>",
        if certificates.ends_with("V2") {
            XADES_141
        } else {
            XADES
        },
        digest("CertDigest", certificate),
        digest("DigestAlgAndValue", crl),
    )
}

#[test]
fn time_stamps_over_references_and_of_the_older_archive_prove_what_they_cover_and_no_more() {
    use TimestampKind::{Archive, References, Signature, SignatureAndReferences};
    const WRONG: Option<Reason> = Some(Reason::TimestampImprintMismatch);
    let pki = Pki::new();
    let who = pki.leaf("signer", "rsa:2048");
    let office = Office::new(&pki);
    let with = algorithm(&who, RsaPadding::Pkcs1, Hash::Sha256);
    let basic = || by_xades(&pki, &who, with, Packaging::Enveloped(LETTER.as_bytes().to_vec()));
    let to_t = |signed: Vec<u8>| {
        let open = XadesSignature::open(signed, None).unwrap();
        let prepared = open.prepare_timestamp(Signature, Hash::Sha256).unwrap();
        let token = office.authority.stamp(prepared.imprint());
        String::from_utf8(prepared.finish(&token).unwrap()).unwrap()
    };
    let material = office.authority.material();
    for version in ["", "V2"] {
        let namespace = if version.is_empty() { XADES } else { XADES_141 };
        let t = to_t(basic());
        let ca = pki.ca.certificate.as_der();
        let named = references(
            &format!("CompleteCertificateRefs{version}"),
            ca,
            &material.crls[0],
        );
        let references_only = office.property(namespace, &format!("RefsOnlyTimeStamp{version}"), "");
        let both = office.property(namespace, &format!("SigAndRefsTimeStamp{version}"), "");
        let x = office.stamped(&with_properties(&t, &(named.clone() + &both)));
        let x = office.stamped(&with_properties(&x, &references_only));
        let report = office.judged(&x);
        let all = [
            (Signature, None),
            (SignatureAndReferences, None),
            (References, None),
        ];
        assert_eq!(stamps(&report), all, "{version}");
        assert_eq!(report.level, Some(Level::BT));
        // The list that is named is not here: it is when the material is.
        let missing = Warning::ReferencedMaterialMissing;
        assert!(report.warnings.contains(&missing));
        let opened = XadesSignature::open(x.clone().into_bytes(), None).unwrap();
        let xl = String::from_utf8(opened.add_material(&material).unwrap()).unwrap();
        let report = office.judged(&xl);
        assert_eq!(stamps(&report), all, "{version}");
        assert_eq!(report.level, Some(Level::BLT));
        assert!(!report.warnings.contains(&missing), "{report:#?}");
        // And the archive of before 1.4.1, over all of it.
        let archive = office.property(XADES, "ArchiveTimeStamp", "");
        let a = office.stamped(&with_properties(&xl, &archive));
        let report = office.judged(&a);
        assert_eq!(stamps(&report)[3..], [(Archive, None)], "{version}");
        assert_eq!(report.level, Some(Level::BLTA));
        assert!(report.not_evaluated.is_empty());

        // A reference that is another makes all of them wrong that cover it.
        let digest = BASE64.encode(Hash::Sha256.digest(ca));
        let other = a.replace(&digest, &BASE64.encode([7; 32]));
        let report = office.judged(&other);
        let covered = [
            (Signature, None),
            (SignatureAndReferences, WRONG),
            (References, WRONG),
            (Archive, WRONG),
        ];
        assert_eq!(stamps(&report), covered, "{version}");
        assert!(report.warnings.contains(&missing));
        // Tokens that change places.
        let [own, of_both, of_references] = tokens(&x)[..] else {
            panic!("three time-stamps")
        };
        let swapped = x.replace(of_both, "-").replace(of_references, of_both);
        let swapped = swapped.replace(">-<", &format!(">{of_references}<"));
        let changed = [
            (Signature, None),
            (SignatureAndReferences, WRONG),
            (References, WRONG),
        ];
        assert_eq!(stamps(&office.judged(&swapped)), changed, "{version}");
        // Those of another signature: of the references it may be true, of this signature it says nothing.
        let behind =
            &x[x.find("<r:Complete").unwrap()..x.find("</xades:UnsignedSignatureProperties>").unwrap()];
        let another = with_properties(&to_t(basic()), behind);
        let mixed = [
            (Signature, None),
            (SignatureAndReferences, WRONG),
            (References, None),
        ];
        assert_eq!(stamps(&office.judged(&another)), mixed, "{version}");
        assert_eq!(tokens(&x)[0], own);
        // Alone it proves no time of the signature.
        let unsigned = format!(
            "<xades:UnsignedProperties xmlns:xades=\"{XADES}\"><xades:UnsignedSignatureProperties>{named}{references_only}\
             </xades:UnsignedSignatureProperties></xades:UnsignedProperties></xades:QualifyingProperties>"
        );
        let basic = String::from_utf8(basic()).unwrap();
        let alone = office.stamped(&basic.replace("</xades:QualifyingProperties>", &unsigned));
        let report = office.judged(&alone);
        assert_eq!(stamps(&report), [(References, None)]);
        assert_eq!(report.best_signature_time, None);
        assert_eq!(report.level, Some(Level::BB));
    }
    // What is not looked at is named; one that covers other places by name is not put together.
    let t = to_t(basic());
    let apart = office.property(XADES, "ArchiveTimeStamp", "<xades:Include URI=\"#nothing\"/>");
    let more = format!(
        "{apart}<x:Chưa-rõ xmlns:x=\"urn:x\"/><xades:AttributeRevocationValues xmlns:xades=\"{XADES}\"/>"
    );
    let report = office.judged(&with_properties(&t, &more));
    assert_eq!(
        stamps(&report),
        [(Signature, None), (Archive, Some(Reason::TimestampNotEvaluated))]
    );
    assert_eq!(report.not_evaluated, ["Chưa-rõ", "AttributeRevocationValues"]);
    assert_eq!(report.level, Some(Level::BT));
}
