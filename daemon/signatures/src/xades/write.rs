//! Making a XAdES signature (EN 319 132-1, clause 6, level B-B).

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};

use super::{SIGNED_PROPERTIES, XADES};
use crate::algorithm::SignatureAlgorithm;
use crate::certificate::Certificate;
use crate::cms::{self, PrepareError};
use crate::xml::{Canonicalization, Document, Outer, attribute_value};
use crate::xmldsig::draft::{Draft, DraftReference, element_digest, enveloped_transforms, escaped, fresh_id};
use crate::xmldsig::place::Place;
use crate::xmldsig::{PreparedXml, XmlPrepareError, algorithms};

/// Where the signature stands and what is signed.
#[derive(Debug, Clone)]
pub enum Packaging<'a> {
    /// In the document, which is XML: the last child of its document element.
    Enveloped(Vec<u8>),
    /// Around the content: XML as it is, anything else in Base64.
    Enveloping {
        /// The content.
        content: &'a [u8],
        /// Its media type.
        media_type: &'a str,
    },
    /// Beside the content.
    Detached {
        /// The content.
        content: &'a [u8],
        /// The name that the reference has for it.
        name: &'a str,
        /// Its media type.
        media_type: &'a str,
    },
}

/// What a XAdES signature is made from.
#[derive(Debug, Clone)]
pub struct XadesRequest<'a> {
    /// Whose signature it will be.
    pub signer: &'a Certificate,
    /// The certificates up to the root that go with it.
    pub chain: &'a [Certificate],
    /// With what.
    pub algorithm: SignatureAlgorithm,
    /// The time on the signer's clock; B-B requires it.
    pub signing_time: OffsetDateTime,
}

/// Prepares a XAdES B-B signature.
///
/// # Errors
/// [`XmlPrepareError`]
pub fn prepare(packaging: Packaging<'_>, request: &XadesRequest<'_>) -> Result<PreparedXml, XmlPrepareError> {
    match packaging {
        Packaging::Enveloped(bytes) => enveloped(bytes, request),
        Packaging::Enveloping { content, media_type } => enveloping(content, media_type, request),
        Packaging::Detached {
            content,
            name,
            media_type,
        } => {
            let digest = request.algorithm.hash().digest(content);
            let file = SignedFile {
                uri: uri_of(name),
                digest,
                media_type: media_type.to_owned(),
            };
            prepare_files(&[file], None, request)
        }
    }
}

fn enveloped(bytes: Vec<u8>, request: &XadesRequest<'_>) -> Result<PreparedXml, XmlPrepareError> {
    let document = Document::parse(&bytes)?;
    let place = Place::last_in(&document, document.root());
    place.check_signatures(&document)?;
    let mut properties = Properties::new(&document, request)?;
    let mut draft = properties.draft();
    let digest = element_digest(
        &document,
        None,
        &Canonicalization::EXCLUSIVE,
        &Outer::default(),
        request.algorithm.hash(),
    )?;
    let reference = DraftReference::known(String::new(), enveloped_transforms(), digest);
    properties.add(&mut draft, reference, "text/xml");
    properties.finish(&mut draft, String::new());
    let drafted = draft.prepare(&document, &place)?;
    Ok(drafted.into_prepared(bytes, &place))
}

/// What a signature has beside its content, about, in bytes.
const ROOM: usize = 64 * 1024;

/// A document that nothing stands in yet.
const EMPTY: &[u8] = b"<empty/>";

fn enveloping(
    content: &[u8],
    media_type: &str,
    request: &XadesRequest<'_>,
) -> Result<PreparedXml, XmlPrepareError> {
    let nothing = Document::parse(EMPTY)?;
    let mut properties = Properties::new(&nothing, request)?;
    let mut draft = properties.draft();
    let id = fresh_id(&nothing, "Object", request.signer, request.signing_time);
    // In another document its own signatures may not hold, and with a relative namespace it has no canonical form
    // (Canonical XML 1.0, 1.3): it is kept as its bytes.
    let fits =
        |document: &Document<'_>| !Place::has_signatures(document) && document.has_absolute_namespaces();
    let (object, media_type) = match Document::parse(content) {
        Ok(document) if fits(&document) => {
            let (root, media_type) = (&document.text()[document.span(document.root())], "text/xml");
            let object = format!("<ds:Object Id=\"{id}\" MimeType=\"{media_type}\">{root}</ds:Object>");
            (object, media_type)
        }
        _ => {
            let mut object = format!(
                "<ds:Object Id=\"{id}\" Encoding=\"http://www.w3.org/2000/09/xmldsig#base64\" MimeType=\"{}\">",
                attribute_value(media_type),
            );
            // However large it is, it is there once.
            object.reserve_exact(content.len().div_ceil(3) * 4 + ROOM);
            BASE64.encode_string(content, &mut object);
            (object + "</ds:Object>", media_type)
        }
    };
    let transforms = vec![Canonicalization::EXCLUSIVE.uri().to_owned()];
    properties.add(&mut draft, DraftReference::own(&id, None, transforms), media_type);
    properties.finish(&mut draft, object);
    let drafted = draft.prepare(&nothing, &Place::alone())?;
    Ok(drafted.into_prepared(Vec::new(), &Place::alone()))
}

/// A file beside the signature.
#[derive(Debug, Clone)]
pub(crate) struct SignedFile {
    /// The name as a URI reference.
    pub(crate) uri: String,
    pub(crate) digest: Vec<u8>,
    pub(crate) media_type: String,
}

/// A signature over files beside it; `wrapper` is the start and the end tag of an element around it.
pub(crate) fn prepare_files(
    files: &[SignedFile],
    wrapper: Option<(&str, &str)>,
    request: &XadesRequest<'_>,
) -> Result<PreparedXml, XmlPrepareError> {
    let around = wrapper.map_or_else(
        || EMPTY.to_vec(),
        |(open, close)| format!("{open}{close}").into_bytes(),
    );
    let document = Document::parse(&around)?;
    let place = match wrapper {
        Some(_) => Place::last_in(&document, document.root()),
        None => Place::alone(),
    };
    let mut properties = Properties::new(&document, request)?;
    let mut draft = properties.draft();
    for file in files {
        let reference = DraftReference::known(file.uri.clone(), Vec::new(), file.digest.clone());
        properties.add(&mut draft, reference, &file.media_type);
    }
    properties.finish(&mut draft, String::new());
    let drafted = draft.prepare(&document, &place)?;
    let bytes = if wrapper.is_some() {
        around.clone()
    } else {
        Vec::new()
    };
    Ok(drafted.into_prepared(bytes, &place))
}

/// A file's name as a URI reference (RFC 3986, 2.1): what is not unreserved is percent-encoded, but the slash.
pub(crate) fn uri_of(name: &str) -> String {
    let mut uri = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            let _ = write!(uri, "%{byte:02X}");
        }
    }
    uri
}

/// The properties of a signature that is being made.
pub(crate) struct Properties<'a> {
    request: &'a XadesRequest<'a>,
    id: String,
    time: String,
    formats: String,
    references: usize,
}

impl<'a> Properties<'a> {
    pub(crate) fn new(
        document: &Document<'_>,
        request: &'a XadesRequest<'a>,
    ) -> Result<Self, XmlPrepareError> {
        cms::suitable(request.signer, request.algorithm)?;
        let whole = request
            .signing_time
            .to_offset(UtcOffset::UTC)
            .replace_nanosecond(0);
        let time = whole
            .ok()
            .and_then(|time| time.format(&Rfc3339).ok())
            .ok_or(PrepareError::SigningTime)?;
        Ok(Self {
            request,
            id: fresh_id(document, "Signature", request.signer, request.signing_time),
            time,
            formats: String::new(),
            references: 0,
        })
    }

    /// The signature that they are of.
    pub(crate) fn draft(&self) -> Draft<'a> {
        let request = self.request;
        let mut draft = Draft::new(
            request.signer,
            request.chain,
            request.algorithm,
            Canonicalization::EXCLUSIVE,
        );
        draft.prefix = "ds:";
        draft.id = Some(self.id.clone());
        draft.value_id = Some(format!("{}-value", self.id));
        draft
    }

    /// Adds a reference, and says what sort of content it is.
    pub(crate) fn add(&mut self, draft: &mut Draft<'_>, mut reference: DraftReference, media_type: &str) {
        let id = format!("{}-reference-{}", self.id, self.references);
        self.references += 1;
        self.formats += &format!(
            "<xades:DataObjectFormat ObjectReference=\"#{id}\"><xades:MimeType>{}</xades:MimeType></xades:DataObjectFormat>",
            escaped(media_type)
        );
        reference.id = Some(id);
        draft.references.push(reference);
    }

    /// Puts the properties in, with a reference to them.
    pub(crate) fn finish(&self, draft: &mut Draft<'_>, objects: String) {
        let (id, time, signer) = (&self.id, &self.time, self.request.signer);
        let hash = self.request.algorithm.hash();
        let (method, digest) = (algorithms::digest_uri(hash), BASE64.encode(signer.digest(hash)));
        let issuer_serial = BASE64.encode(cms::issuer_serial_der(signer));
        let properties = format!("{id}-properties");
        draft.objects = objects;
        draft.objects += &format!(
            "<ds:Object><xades:QualifyingProperties xmlns:xades=\"{XADES}\" Target=\"#{id}\">\
             <xades:SignedProperties Id=\"{properties}\"><xades:SignedSignatureProperties>\
             <xades:SigningTime>{time}</xades:SigningTime><xades:SigningCertificateV2><xades:Cert><xades:CertDigest>\
             <ds:DigestMethod Algorithm=\"{method}\"></ds:DigestMethod><ds:DigestValue>{digest}</ds:DigestValue>\
             </xades:CertDigest><xades:IssuerSerialV2>{issuer_serial}</xades:IssuerSerialV2></xades:Cert>\
             </xades:SigningCertificateV2></xades:SignedSignatureProperties><xades:SignedDataObjectProperties>{}\
             </xades:SignedDataObjectProperties></xades:SignedProperties></xades:QualifyingProperties></ds:Object>",
            self.formats
        );
        let transforms = vec![Canonicalization::EXCLUSIVE.uri().to_owned()];
        draft.references.push(DraftReference::own(
            &properties,
            Some(SIGNED_PROPERTIES),
            transforms,
        ));
    }
}
