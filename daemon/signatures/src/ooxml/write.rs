//! Making a signature of a package (ECMA-376-2, 12.2; [MS-OFFCRYPTO] 2.5.2), with the properties of XAdES that Office
//! writes and reads (2.5.2.6).

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};

use super::package::{self, Package, is_left_out, relationships_of, uri_of_entry, with_content_types};
use super::relationships::{Relationships, Selection};
use super::{
    CONTENT_TYPES, OBJECT, ORIGIN_TYPE, OoxmlError, PackageError, RELATIONSHIP_TRANSFORM, RELATIONSHIPS_TYPE,
    SIGNATURE_NS, SIGNATURE_TYPE, open,
};
use crate::algorithm::{SignatureAlgorithm, SignatureValue};
use crate::certificate::Certificate;
use crate::cms::{self, PrepareError};
use crate::signing::{FinishError, Prepared, Rehearse};
use crate::xades::{SIGNED_PROPERTIES, XADES};
use crate::xml::{Canonicalization, Document, attribute_value};
use crate::xmldsig::algorithms::digest_uri;
use crate::xmldsig::draft::{Draft, DraftReference, escaped};
use crate::xmldsig::key_info::decimal;
use crate::xmldsig::place::Place;
use crate::xmldsig::{PreparedXml, XmlPrepareError};
use crate::zip::{Archive, Container};

/// The Ids that Office gives; each signature is a document of its own.
const ID: &str = "idPackageSignature";
const PACKAGE_OBJECT: &str = "idPackageObject";
const OFFICE_OBJECT: &str = "idOfficeObject";
const PROPERTIES: &str = "idSignedProperties";

/// Of the elements in [`OFFICE_OBJECT`].
const OFFICE: &str = "http://schemas.microsoft.com/office/2006/digsig";

/// Where the signatures go in a package that has none.
const ORIGIN_PART: &str = "/_xmlsignatures/origin.sigs";

const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n";

/// What a signature of an Office document is made from.
#[derive(Debug, Clone)]
pub struct OoxmlRequest<'a> {
    /// Whose signature it will be.
    pub signer: &'a Certificate,
    /// The certificates up to the root that go with it.
    pub chain: &'a [Certificate],
    /// With what.
    pub algorithm: SignatureAlgorithm,
    /// The time on the signer's clock.
    pub signing_time: OffsetDateTime,
    /// Why, in words for people: the comments of Office.
    pub reason: Option<&'a str>,
}

/// A document on its way to being signed.
#[derive(Debug, Clone)]
pub struct PreparedOoxml {
    /// Everything but the signature.
    archive: Archive,
    /// The name of the signature's part, without the first slash.
    name: String,
    inner: PreparedXml,
}

/// Prepares a signature beside those that are there, which stay valid: of every part and every relationship, but for
/// those that Office leaves out (the core and the extended properties) and those of signatures.
///
/// # Errors
/// [`OoxmlError`]
pub fn prepare(bytes: &[u8], request: &OoxmlRequest<'_>) -> Result<PreparedOoxml, OoxmlError> {
    cms::suitable(request.signer, request.algorithm).map_err(XmlPrepareError::from)?;
    let container = open(bytes)?;
    let package = Package::read(&container)?;
    let plan = Plan::of(&package, &container)?;
    let inner = signature(&package, request)?;
    let mut archive = Archive::default();
    for entry in container.entries() {
        match plan.changed.iter().find(|(name, _)| *name == entry.name) {
            Some((name, bytes)) => archive.deflate(name, bytes)?,
            None => archive.copy(entry, bytes)?,
        }
    }
    for (name, bytes) in &plan.changed {
        if container.get(name).is_none() {
            archive.deflate(name, bytes)?;
        }
    }
    Ok(PreparedOoxml {
        archive,
        name: plan.signature.trim_start_matches('/').to_owned(),
        inner,
    })
}

/// What of a package changes when a signature comes to it.
struct Plan {
    /// Files that are new or become others, without the first slash.
    changed: Vec<(String, Vec<u8>)>,
    /// The part of the signature.
    signature: String,
}

impl Plan {
    fn of(package: &Package<'_>, container: &Container) -> Result<Self, PackageError> {
        let mut changed = Vec::new();
        let mut types: Vec<(String, &str)> = Vec::new();
        let present = package.targets("/", package::ORIGIN);
        let origin = match &present[..] {
            [] => {
                if package.part(ORIGIN_PART).is_some() {
                    return Err(PackageError::malformed(
                        "a part in the place of the signatures",
                        ORIGIN_PART,
                    ));
                }
                let list = package
                    .relationships("/")
                    .ok_or_else(|| PackageError::malformed("no relationships of the package", "/"))?;
                let target = &ORIGIN_PART[1..];
                let list = list.with("rIdSignatures", package::ORIGIN, target);
                changed.push((name_in(package, "/_rels/.rels"), list.to_xml()));
                changed.push((target.to_owned(), Vec::new()));
                changed.extend(dense(package));
                types.push((ORIGIN_PART.to_owned(), ORIGIN_TYPE));
                ORIGIN_PART.to_owned()
            }
            [origin] if package.part(origin).is_some() => origin.clone(),
            _ => return Err(PackageError::malformed("not one origin of the signatures", "/")),
        };
        let folder = origin.rsplit_once('/').map_or("", |(folder, _)| folder);
        let signature = (1_u32..)
            .map(|number| format!("{folder}/sig{number}.xml"))
            .find(|name| package.part(name).is_none())
            .unwrap_or_default();
        let list = relationships_of(&origin);
        let none = Relationships::empty();
        let known = package.relationships(&origin).unwrap_or(&none);
        // Relative, as Office has it: LibreOffice looks for the target in the origin's folder.
        let target = &signature[folder.len() + 1..];
        let with = known.with("rId", package::SIGNATURE, target);
        changed.push((name_in(package, &list), with.to_xml()));
        types.push((signature.clone(), SIGNATURE_TYPE));
        if package.content_type(&list) != Some(RELATIONSHIPS_TYPE) {
            types.push((list, RELATIONSHIPS_TYPE));
        }
        let types: Vec<(&str, &str)> = types.iter().map(|(name, kind)| (name.as_str(), *kind)).collect();
        let listed = container.get(CONTENT_TYPES).unwrap_or_default();
        let listed = with_content_types(listed, &types)
            .ok_or_else(|| PackageError::malformed("no list of content types", CONTENT_TYPES))?;
        changed.push((CONTENT_TYPES.to_owned(), listed));
        Ok(Self { changed, signature })
    }
}

/// The lists of relationships that have something between their entries, without it. The transform leaves it out, but
/// programs with xmlsec 1.2 do not: without it all compute the same digest. Only before the first signature.
fn dense<'p>(package: &'p Package<'_>) -> impl Iterator<Item = (String, Vec<u8>)> + 'p {
    package.parts().iter().filter_map(|part| {
        let (source, list) = part.list.as_ref()?;
        (source != "/" && !list.is_dense()).then(|| (part.entry.name.clone(), list.to_xml()))
    })
}

/// The name of a part as the container has it, or will have it; without the first slash.
fn name_in(package: &Package<'_>, part: &str) -> String {
    let present = package.part(part).map(|part| part.entry.name.clone());
    present.unwrap_or_else(|| part.trim_start_matches('/').to_owned())
}

/// A document that nothing stands in yet.
const EMPTY: &[u8] = b"<empty/>";

fn signature(package: &Package<'_>, request: &OoxmlRequest<'_>) -> Result<PreparedXml, OoxmlError> {
    let mut draft = Draft::new(
        request.signer,
        request.chain,
        request.algorithm,
        Canonicalization::INCLUSIVE,
    );
    draft.id = Some(ID.to_owned());
    let inclusive = vec![Canonicalization::INCLUSIVE.uri().to_owned()];
    draft.references = vec![
        DraftReference::own(PACKAGE_OBJECT, Some(OBJECT), Vec::new()),
        DraftReference::own(OFFICE_OBJECT, Some(OBJECT), Vec::new()),
        DraftReference::own(PROPERTIES, Some(SIGNED_PROPERTIES), inclusive),
    ];
    let time = request
        .signing_time
        .to_offset(UtcOffset::UTC)
        .replace_nanosecond(0)
        .ok()
        .and_then(|time| time.format(&Rfc3339).ok())
        .ok_or(XmlPrepareError::Prepare(PrepareError::SigningTime))?;
    draft.objects = package_object(package, request.algorithm, &time)
        + &office_object(request.reason.unwrap_or_default())
        + &properties(request, &time);
    let nothing = Document::parse(EMPTY).map_err(XmlPrepareError::from)?;
    let drafted = draft.prepare(&nothing, &Place::alone())?;
    Ok(drafted.into_prepared(Vec::new(), &Place::alone()))
}

/// The Object that Office calls package-specific: the manifest and the time.
fn package_object(package: &Package<'_>, algorithm: SignatureAlgorithm, time: &str) -> String {
    let hash = algorithm.hash();
    let mut out = format!("<Object Id=\"{PACKAGE_OBJECT}\"><Manifest>");
    let own = own_parts(package);
    for part in package.parts() {
        if own(&part.name) {
            continue;
        }
        let (transforms, digest) = match &part.list {
            Some((source, list)) => {
                let signed = |kind: &str| !(source == "/" && is_left_out(kind));
                let ids = list
                    .iter()
                    .filter(|one| signed(&one.kind))
                    .map(|one| one.id.clone());
                let selection = Selection {
                    ids: ids.collect(),
                    ..Selection::default()
                };
                if selection.ids.is_empty() {
                    continue;
                }
                let octets = list.transformed(&selection);
                (transforms(list, &selection), hash.digest(octets.as_bytes()))
            }
            None if is_about(package, &part.name) => continue,
            None => (Vec::new(), hash.digest(&part.entry.bytes)),
        };
        let content_type = package.content_type(&part.name).unwrap_or_default();
        let uri = format!("{}?ContentType={content_type}", uri_of_entry(&part.entry.name));
        DraftReference::known(uri, transforms, digest).write(&mut out, "", hash);
    }
    out += &format!(
        "</Manifest><SignatureProperties><SignatureProperty Id=\"idSignatureTime\" Target=\"#{ID}\">\
         <mdssi:SignatureTime xmlns:mdssi=\"{SIGNATURE_NS}\"><mdssi:Format>YYYY-MM-DDThh:mm:ssTZD</mdssi:Format>\
         <mdssi:Value>{time}</mdssi:Value></mdssi:SignatureTime></SignatureProperty></SignatureProperties></Object>"
    );
    out
}

/// Whether a part belongs to the signatures that are there already.
fn own_parts(package: &Package<'_>) -> impl Fn(&str) -> bool {
    let mut own: Vec<String> = Vec::new();
    for origin in package.targets("/", package::ORIGIN) {
        for signature in package.targets(&origin, package::SIGNATURE) {
            own.extend(package.targets(&signature, package::CERTIFICATE));
            own.push(signature);
        }
        own.push(origin);
    }
    move |name: &str| {
        own.iter()
            .any(|part| part.eq_ignore_ascii_case(name) || relationships_of(part).eq_ignore_ascii_case(name))
    }
}

/// Whether only relationships that are left out lead to a part.
fn is_about(package: &Package<'_>, name: &str) -> bool {
    let list = package.relationships("/");
    list.iter().flat_map(|list| list.iter()).any(|one| {
        let target = package::resolve("/", &one.target);
        is_left_out(&one.kind) && target.is_some_and(|target| target.eq_ignore_ascii_case(name))
    })
}

fn transforms(list: &Relationships, selection: &Selection) -> Vec<String> {
    let selected: String = list
        .iter()
        .filter(|one| selection.has(one))
        .map(|one| {
            format!(
                "<mdssi:RelationshipReference xmlns:mdssi=\"{SIGNATURE_NS}\" SourceId=\"{}\"></mdssi:RelationshipReference>",
                attribute_value(&one.id)
            )
        })
        .collect();
    vec![
        format!("<Transform Algorithm=\"{RELATIONSHIP_TRANSFORM}\">{selected}</Transform>"),
        Canonicalization::INCLUSIVE.uri().to_owned(),
    ]
}

/// The Object that Office calls application-defined ([MS-OFFCRYPTO] 2.5.2.5): a signature without a picture. Of the
/// machine it says nothing that would be true of it.
fn office_object(reason: &str) -> String {
    format!(
        "<Object Id=\"{OFFICE_OBJECT}\"><SignatureProperties><SignatureProperty Id=\"idOfficeV1Details\" Target=\"#{ID}\">\
         <SignatureInfoV1 xmlns=\"{OFFICE}\"><SetupID></SetupID><SignatureText></SignatureText>\
         <SignatureImage></SignatureImage><SignatureComments>{}</SignatureComments>\
         <WindowsVersion>10.0</WindowsVersion><OfficeVersion>16.0</OfficeVersion>\
         <ApplicationVersion>16.0</ApplicationVersion><Monitors>1</Monitors>\
         <HorizontalResolution>1280</HorizontalResolution><VerticalResolution>800</VerticalResolution>\
         <ColorDepth>32</ColorDepth><SignatureProviderId>{{00000000-0000-0000-0000-000000000000}}</SignatureProviderId>\
         <SignatureProviderUrl></SignatureProviderUrl><SignatureProviderDetails>9</SignatureProviderDetails>\
         <SignatureType>1</SignatureType></SignatureInfoV1></SignatureProperty></SignatureProperties></Object>",
        escaped(reason)
    )
}

/// XAdES as Office has it: the first version of the signing-certificate property, and a policy that is implied.
fn properties(request: &OoxmlRequest<'_>, time: &str) -> String {
    let (hash, signer) = (request.algorithm.hash(), request.signer);
    let (method, digest) = (digest_uri(hash), BASE64.encode(signer.digest(hash)));
    let issuer = signer.issuer().rfc4514;
    format!(
        "<Object><xd:QualifyingProperties xmlns:xd=\"{XADES}\" Target=\"#{ID}\"><xd:SignedProperties Id=\"{PROPERTIES}\">\
         <xd:SignedSignatureProperties><xd:SigningTime>{time}</xd:SigningTime><xd:SigningCertificate><xd:Cert>\
         <xd:CertDigest><DigestMethod Algorithm=\"{method}\"></DigestMethod><DigestValue>{digest}</DigestValue>\
         </xd:CertDigest><xd:IssuerSerial><X509IssuerName>{}</X509IssuerName>\
         <X509SerialNumber>{}</X509SerialNumber></xd:IssuerSerial></xd:Cert></xd:SigningCertificate>\
         <xd:SignaturePolicyIdentifier><xd:SignaturePolicyImplied></xd:SignaturePolicyImplied>\
         </xd:SignaturePolicyIdentifier></xd:SignedSignatureProperties></xd:SignedProperties>\
         </xd:QualifyingProperties></Object>",
        escaped(&issuer),
        decimal(signer.serial())
    )
}

impl Prepared for PreparedOoxml {
    fn to_be_signed(&self) -> &[u8] {
        self.inner.to_be_signed()
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        self.inner.algorithm()
    }

    fn finish(self, signature: SignatureValue) -> Result<Vec<u8>, FinishError> {
        let Self { archive, name, inner } = self;
        with_signature(archive, &name, &inner.finish(signature)?)
    }
}

impl Rehearse for PreparedOoxml {
    fn rehearse(self) -> Result<Vec<u8>, FinishError> {
        let Self { archive, name, inner } = self;
        with_signature(archive, &name, &inner.rehearse()?)
    }
}

fn with_signature(mut archive: Archive, name: &str, signature: &[u8]) -> Result<Vec<u8>, FinishError> {
    let text = [DECLARATION.as_bytes(), signature].concat();
    let no_room = |_| FinishError::NoRoom {
        needed: text.len(),
        reserved: 0,
    };
    archive.deflate(name, &text).map_err(no_room)?;
    archive.finish().map_err(no_room)
}
