//! The methods a page may call, one parameter type a method. Every type refuses unknown fields, but `Hello`:
//! an older daemon must be able to answer a newer SDK.

use serde::{Deserialize, Serialize};
#[cfg(feature = "typescript")]
use ts_rs::TS;

use crate::envelope::RequestId;
use crate::strict;

/// The names of the methods.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// `hello`
    Hello,
    /// `certificates`
    Certificates,
    /// `authenticate`
    Authenticate,
    /// `sign_digest`
    SignDigest,
    /// `sign_digests`
    SignDigests,
    /// `sign_documents`
    SignDocuments,
    /// `verify_documents`
    VerifyDocuments,
    /// `upload`
    Upload,
    /// `download`
    Download,
    /// `cancel`
    Cancel,
}

impl Method {
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "hello" => Self::Hello,
            "certificates" => Self::Certificates,
            "authenticate" => Self::Authenticate,
            "sign_digest" => Self::SignDigest,
            "sign_digests" => Self::SignDigests,
            "sign_documents" => Self::SignDocuments,
            "verify_documents" => Self::VerifyDocuments,
            "upload" => Self::Upload,
            "download" => Self::Download,
            "cancel" => Self::Cancel,
            _ => return None,
        })
    }

    pub(crate) fn read(self, params: &str) -> Result<Call, String> {
        Ok(match self {
            Self::Hello => Call::Hello(strict::read(params)?),
            Self::Certificates => Call::Certificates(strict::read(params)?),
            Self::Authenticate => Call::Authenticate(strict::read(params)?),
            Self::SignDigest => Call::SignDigest(strict::read(params)?),
            Self::SignDigests => Call::SignDigests(strict::read(params)?),
            Self::SignDocuments => Call::SignDocuments(strict::read(params)?),
            Self::VerifyDocuments => Call::VerifyDocuments(strict::read(params)?),
            Self::Upload => Call::Upload(strict::read(params)?),
            Self::Download => Call::Download(strict::read(params)?),
            Self::Cancel => Call::Cancel(strict::read(params)?),
        })
    }
}

/// A method with its parameters.
#[allow(clippy::large_enum_variant, reason = "one is made, moved once and gone")]
#[derive(Debug, Clone)]
pub enum Call {
    /// First on every connection; nothing else is answered before it.
    Hello(Hello),
    /// The person picks a certificate; the page sees that one.
    Certificates(Certificates),
    /// Proves to the portal who sits here. Needs the grant `sign_in`.
    Authenticate(Authenticate),
    /// Signs a digest the person cannot look behind. Needs the grant `blind_digest`.
    SignDigest(SignDigest),
    /// Signs several digests with one question and one PIN. Needs the grants `blind_digest` and `batch`.
    SignDigests(SignDigests),
    /// Signs documents, uploaded before or after it.
    SignDocuments(SignDocuments),
    /// Checks the signatures of documents, uploaded before or after it.
    VerifyDocuments(VerifyDocuments),
    /// Brings bytes of a document.
    Upload(Upload),
    /// Fetches bytes of a document, for instance a signed one.
    Download(Download),
    /// Ends another request of this connection.
    Cancel(Cancel),
}

/// `hello`: agrees on the version.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(TS))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Hello {
    /// Protocol versions the client speaks.
    pub versions: Vec<u32>,
    /// What the client can make use of: [`crate::CAPABILITIES`]. Others are passed over.
    #[serde(default)]
    #[cfg_attr(feature = "typescript", ts(as = "Option<Vec<String>>", optional))]
    pub capabilities: Vec<String>,
    /// Name and version of the client, for the log.
    #[serde(default)]
    pub client: String,
}

/// `certificates`: which certificates to offer the person.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "typescript", derive(TS))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Certificates {
    /// Only a certificate whose subject carries this tax code (`UID=MST:…`). Where none does that could be shared now the
    /// answer is `no_certificate`, whatever the reason; and more than three different codes without one in ten minutes
    /// are `rate_limited`: whose tokens these are, a page learns from the person alone.
    #[serde(default)]
    #[cfg_attr(feature = "typescript", ts(optional))]
    pub tax_code: Option<String>,
}

/// `authenticate`: a Web eID authentication token, bound to the page's origin as the browser attests it and to the
/// portal's nonce. The signed value is H(H(origin) ‖ H(nonce)), H being the hash function of the token's algorithm.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "typescript", derive(TS))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Authenticate {
    /// The portal's single-use challenge: base64 of at least 256 bits, [`crate::limits::NONCE_LENGTH`] characters.
    pub nonce: String,
    /// Also hand over the person's signing certificate: the token is then in the format `web-eid:1.1`. Needs the grant
    /// `certificates` as well.
    #[serde(default)]
    #[cfg_attr(feature = "typescript", ts(as = "Option<bool>", optional))]
    pub signing_certificate: bool,
    /// See [`IdempotencyKey`].
    #[serde(default)]
    #[cfg_attr(feature = "typescript", ts(as = "Option<String>", optional))]
    pub idempotency_key: Option<IdempotencyKey>,
}

/// `sign_digest`: a bare signature over a digest.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "typescript", derive(TS))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SignDigest {
    /// SHA-256 of the certificate's DER, lower-case hexadecimal; one that `certificates` returned on this connection.
    pub certificate: String,
    /// The hash function the digest was made with.
    pub hash: HashAlgorithm,
    /// The digest, base64. Its length must be that of the hash function.
    pub digest: String,
    /// RSA only; PKCS #1 v1.5 if absent.
    #[serde(default)]
    #[cfg_attr(feature = "typescript", ts(optional))]
    pub padding: Option<RsaPadding>,
    /// See [`IdempotencyKey`].
    #[serde(default)]
    #[cfg_attr(feature = "typescript", ts(as = "Option<String>", optional))]
    pub idempotency_key: Option<IdempotencyKey>,
}

/// `sign_digests`: bare signatures over several digests, with one question and one PIN.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "typescript", derive(TS))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SignDigests {
    /// As in [`SignDigest`].
    pub certificate: String,
    /// As in [`SignDigest`].
    pub hash: HashAlgorithm,
    /// What is to be signed, at most [`crate::limits::MAX_DOCUMENTS`].
    pub digests: Vec<NamedDigest>,
    /// As in [`SignDigest`].
    #[serde(default)]
    #[cfg_attr(feature = "typescript", ts(optional))]
    pub padding: Option<RsaPadding>,
    /// What becomes of the others when one fails.
    #[serde(default)]
    #[cfg_attr(feature = "typescript", ts(as = "Option<OnError>", optional))]
    pub on_error: OnError,
    /// See [`IdempotencyKey`].
    #[serde(default)]
    #[cfg_attr(feature = "typescript", ts(as = "Option<String>", optional))]
    pub idempotency_key: Option<IdempotencyKey>,
}

/// A digest with what the page calls it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "typescript", derive(TS))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct NamedDigest {
    /// What the person sees beside the digest, as the page's word.
    #[serde(default)]
    #[cfg_attr(feature = "typescript", ts(as = "Option<String>", optional))]
    pub name: String,
    /// base64. Its length must be that of the hash function.
    pub digest: String,
}

/// What becomes of the rest of a batch when one item fails. A token that is lost for good ends it either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "typescript", derive(TS))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum OnError {
    /// The others are signed.
    #[default]
    GoOn,
    /// The later ones are not signed any more.
    Stop,
}

/// A name the page gives a request, so that it can ask again when the connection broke before the reply came: the same
/// request under the same key gets the reply of the first, for ten minutes, and nothing is signed twice. 16 to 64 of
/// `A-Z a-z 0-9 - _`, random: a new request needs a new one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct IdempotencyKey(
    #[cfg_attr(feature = "schema", schemars(regex(pattern = "^[A-Za-z0-9_-]{16,64}$")))] String,
);

impl<'de> Deserialize<'de> for IdempotencyKey {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if crate::limits::KEY_LENGTH.contains(&text.len()) && text.bytes().all(plain) {
            Ok(Self(text))
        } else {
            let found = serde::de::Unexpected::Other("another text");
            Err(serde::de::Error::invalid_value(
                found,
                &"16 to 64 of A-Z a-z 0-9 - _",
            ))
        }
    }
}

/// `sign_documents`: signs each document of a manifest.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "typescript", derive(TS))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SignDocuments {
    /// The manifest: what is to be signed, each document uploaded before, or after this (capability `manifest`). The person
    /// is asked when all of them are here. While a manifest waits, what is uploaded and is not in it, or other than it
    /// says, ends the request with `batch_mismatch`; so does, until the reply, a document of it that is sent again with
    /// other bytes or another size.
    pub documents: Vec<DocumentRef>,
    /// The signature format.
    pub format: SignatureFormat,
    /// `cades_parallel` beside a signature that stands alone: what that is about, uploaded too. Then `documents` holds one
    /// entry. Capability `content`.
    #[serde(default)]
    #[cfg_attr(feature = "typescript", ts(optional))]
    pub content: Option<DocumentRef>,
    /// SHA-256 of the certificate's DER as returned by `certificates`; if absent the person picks.
    #[serde(default)]
    #[cfg_attr(feature = "typescript", ts(optional))]
    pub certificate: Option<String>,
    /// RSA only; PKCS #1 v1.5 if absent.
    #[serde(default)]
    #[cfg_attr(feature = "typescript", ts(optional))]
    pub padding: Option<RsaPadding>,
    /// The hash function of the signature; if absent, the one that is as strong as the curve of an EC key, SHA-256 for
    /// others. P-521 takes no SHA-256, and JAdES has each curve with its own (RFC 7518, 3.4). Capability `hash`.
    #[serde(default)]
    #[cfg_attr(feature = "typescript", ts(optional))]
    pub hash: Option<HashAlgorithm>,
    /// PAdES only: what the signature looks like on the page; invisible if absent.
    #[serde(default)]
    #[cfg_attr(feature = "typescript", ts(optional))]
    pub appearance: Option<Appearance>,
    /// PAdES only: why it is signed (ISO 32000-1, table 252, Reason).
    #[serde(default)]
    #[cfg_attr(feature = "typescript", ts(optional))]
    pub reason: Option<String>,
    /// PAdES only: where it is signed (ISO 32000-1, table 252, Location).
    #[serde(default)]
    #[cfg_attr(feature = "typescript", ts(optional))]
    pub location: Option<String>,
    /// XML-DSig only: the name of the template; `general` if absent.
    #[serde(default)]
    #[cfg_attr(feature = "typescript", ts(optional))]
    pub template: Option<String>,
    /// PAdES only: the full name of an unsigned signature field that is there; a new field if absent.
    #[serde(default)]
    #[cfg_attr(feature = "typescript", ts(optional))]
    pub field: Option<String>,
    /// PAdES only: certifies the document, and says what may be done to it afterwards.
    #[serde(default)]
    #[cfg_attr(feature = "typescript", ts(optional))]
    pub certify: Option<Certification>,
    /// PAdES only: the full names of form fields that nobody may fill in or sign afterwards; all of them if empty.
    #[serde(default)]
    #[cfg_attr(feature = "typescript", ts(optional))]
    pub lock: Option<Vec<String>>,
    /// The baseline level the results are to have; B-B if absent. Capability `level`. Above B-B a time-stamp authority of
    /// this computer's configuration stamps the time; [`crate::reply::SignedDocument`] says what was reached.
    #[serde(default)]
    #[cfg_attr(feature = "typescript", ts(optional))]
    pub level: Option<Level>,
    /// What becomes of the others when one fails.
    #[serde(default)]
    #[cfg_attr(feature = "typescript", ts(as = "Option<OnError>", optional))]
    pub on_error: OnError,
    /// See [`IdempotencyKey`].
    #[serde(default)]
    #[cfg_attr(feature = "typescript", ts(as = "Option<String>", optional))]
    pub idempotency_key: Option<IdempotencyKey>,
}

/// The baseline levels of EN 319 102-1, clause 4.3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(TS))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Level {
    /// The signature.
    #[serde(rename = "B-B")]
    BB,
    /// With a time-stamp over it.
    #[serde(rename = "B-T")]
    BT,
    /// With certificates and revocation data, too.
    #[serde(rename = "B-LT")]
    BLt,
    /// With a time-stamp over all that.
    #[serde(rename = "B-LTA")]
    BLta,
}

/// What a certified document still takes (DocMDP; ISO 32000-2, table 257).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "typescript", derive(TS))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Certification {
    /// P = 1: no change at all.
    Nothing,
    /// P = 2: filling in forms, and signatures.
    Forms,
    /// P = 3: comments too.
    Comments,
}

/// A document, named by its content.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "typescript", derive(TS))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DocumentRef {
    /// What the person sees; never used as a path.
    pub name: String,
    /// SHA-256 of its bytes, lower-case hexadecimal.
    #[serde(deserialize_with = "strict::sha256")]
    pub sha256: String,
    /// In bytes.
    #[cfg_attr(feature = "typescript", ts(type = "number"))]
    pub size: u64,
}

/// The signature formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "typescript", derive(TS))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum SignatureFormat {
    /// PAdES baseline B-B (EN 319 142-1): the document comes back with the signature inside.
    Pades,
    /// CAdES baseline B-B (EN 319 122-1), the content inside the signature.
    CadesAttached,
    /// CAdES baseline B-B (EN 319 122-1), the signature alone.
    CadesDetached,
    /// The document is a CMS signature with its content inside, or handed in as `content`: it comes back with one more CAdES
    /// signature over the same content beside those that are there.
    CadesParallel,
    /// The document is a CMS signature by one signer: it comes back with a counter-signature over that signature
    /// (EN 319 122-1, 5.2.7).
    CadesCounter,
    /// XAdES baseline B-B (EN 319 132-1): the XML document comes back with the signature inside.
    XadesEnveloped,
    /// XAdES baseline B-B (EN 319 132-1), the document inside the signature.
    XadesEnveloping,
    /// XAdES baseline B-B (EN 319 132-1), the signature alone.
    XadesDetached,
    /// XML-DSig by a template: the XML document comes back with the signature in the template's place.
    Xmldsig,
    /// JAdES baseline B-B (TS 119 182-1), compact, the document inside.
    JadesCompact,
    /// JAdES baseline B-B (TS 119 182-1) as a JSON object, the document inside.
    JadesJson,
    /// ASiC-E (EN 319 162-1): a container with the document and a XAdES signature.
    AsicE,
    /// ASiC-E (EN 319 162-1): a container with the document and a CAdES signature.
    AsicECades,
    /// ASiC-S (EN 319 162-1): a container with the document and a XAdES signature.
    AsicS,
    /// ASiC-S (EN 319 162-1): a container with the document and a CAdES signature.
    AsicSCades,
    /// An Office document (docx, xlsx, pptx; ECMA-376 part 2): it comes back with the signature inside.
    Ooxml,
}

/// RSA signature schemes (RFC 8017, section 8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "typescript", derive(TS))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum RsaPadding {
    /// RSASSA-PKCS1-v1_5
    Pkcs1,
    /// RSASSA-PSS, MGF1 with the same hash, salt as long as the hash.
    Pss,
}

/// Hash functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(TS))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum HashAlgorithm {
    /// SHA-256
    #[serde(rename = "SHA-256")]
    Sha256,
    /// SHA-384
    #[serde(rename = "SHA-384")]
    Sha384,
    /// SHA-512
    #[serde(rename = "SHA-512")]
    Sha512,
}

/// Where and how a signature shows on a page.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "typescript", derive(TS))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Appearance {
    /// The name of a preset; `plain` if absent.
    #[serde(default)]
    #[cfg_attr(feature = "typescript", ts(optional))]
    pub preset: Option<String>,
    /// Counted from 1, 0 is the last one; if absent, the preset says which.
    #[serde(default)]
    #[cfg_attr(feature = "typescript", ts(optional))]
    pub page: Option<u32>,
    /// Lower left and upper right corner in points, from the page's lower left: `[x1, y1, x2, y2]`.
    #[serde(default)]
    #[cfg_attr(feature = "typescript", ts(optional))]
    pub rectangle: Option<[f32; 4]>,
    /// A text on the page, beside which it shows; instead of a rectangle.
    #[serde(default)]
    #[cfg_attr(feature = "typescript", ts(optional))]
    pub keyword: Option<String>,
    /// A PNG file, base64, at most [`crate::limits::MAX_IMAGE`] bytes: signature or seal.
    #[serde(default)]
    #[cfg_attr(feature = "typescript", ts(optional))]
    pub image: Option<String>,
    /// What a QR code beside it says.
    #[serde(default)]
    #[cfg_attr(feature = "typescript", ts(optional))]
    pub qr: Option<String>,
    /// Values that the preset's text has places for, by name.
    #[serde(default)]
    #[cfg_attr(
        feature = "typescript",
        ts(as = "Option<std::collections::BTreeMap<String, String>>", optional)
    )]
    pub values: std::collections::BTreeMap<String, String>,
    /// The language of the labels.
    pub language: Language,
}

/// The languages people read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "typescript", derive(TS))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Language {
    /// Vietnamese
    #[default]
    Vi,
    /// English
    En,
}

/// `verify_documents`: checks every signature of each document.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "typescript", derive(TS))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct VerifyDocuments {
    /// PDF, XML, JWS, ASiC, or CMS with its content inside; uploaded before or after this, as in [`SignDocuments`].
    pub documents: Vec<DocumentRef>,
    /// For detached signatures: the content, uploaded too. Then `documents` holds one entry.
    #[serde(default)]
    #[cfg_attr(feature = "typescript", ts(optional))]
    pub content: Option<DocumentRef>,
}

/// `upload`: bytes of a document, in order. The same document need be uploaded once a connection, also for several requests.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "typescript", derive(TS))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Upload {
    /// SHA-256 of the whole document, lower-case hexadecimal; checked when the last byte has come.
    #[serde(deserialize_with = "strict::sha256")]
    pub sha256: String,
    /// Size of the whole document, in bytes.
    #[cfg_attr(feature = "typescript", ts(type = "number"))]
    pub size: u64,
    /// Where these bytes belong: as many as have come before.
    #[cfg_attr(feature = "typescript", ts(type = "number"))]
    pub offset: u64,
    /// The bytes, base64. Absent when they are the body of a binary frame (see [`crate::frame`]).
    #[serde(default)]
    #[cfg_attr(feature = "typescript", ts(optional))]
    pub data: Option<String>,
}

/// `download`: bytes of a document this connection holds.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "typescript", derive(TS))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Download {
    /// SHA-256 of the whole document, lower-case hexadecimal.
    #[serde(deserialize_with = "strict::sha256")]
    pub sha256: String,
    /// First byte wanted.
    #[cfg_attr(feature = "typescript", ts(type = "number"))]
    pub offset: u64,
    /// At most so many bytes; at most [`crate::limits::MAX_CHUNK`] come.
    pub length: u32,
}

/// `cancel`: the named request ends with `cancelled`, unless it ended before.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "typescript", derive(TS))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Cancel {
    /// Id of the request to end.
    #[cfg_attr(feature = "typescript", ts(type = "number"))]
    pub request: RequestId,
}
