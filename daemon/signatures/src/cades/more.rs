//! Further signatures in one SignedData: beside the others (parallel), or over another one's value (counter-signature;
//! RFC 5652, 11.4; EN 319 122-1, 5.2.7).

use crate::algorithm::{SignatureAlgorithm, SignatureValue};
use crate::certificate::Certificate;
use crate::cms::{self, PrepareError, PreparedCms, SignedData, SignerInfo, edit};
use crate::signing::{FinishError, Prepared};
use time::OffsetDateTime;

/// counterSignature
pub(crate) const COUNTER_SIGNATURE: der::asn1::ObjectIdentifier =
    der::asn1::ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.6");

/// Whose further signature it will be, and with what.
#[derive(Debug, Clone, Copy)]
pub struct FurtherRequest<'a> {
    /// Whose signature it will be.
    pub signer: &'a Certificate,
    /// The certificates up to the root that go with it.
    pub chain: &'a [Certificate],
    /// With what.
    pub algorithm: SignatureAlgorithm,
    /// The time on the signer's clock.
    pub signing_time: OffsetDateTime,
}

/// Why there can be no further signature.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FurtherError {
    /// The signature that is there cannot be read.
    #[error(transparent)]
    Format(#[from] cms::FormatError),
    /// As for a first signature.
    #[error(transparent)]
    Prepare(#[from] PrepareError),
    /// There is no signature of this number.
    #[error("there is no signature {0}")]
    NoSuchSignature(usize),
    /// The content is outside, and its digest was not handed in.
    #[error("the signed content is needed")]
    ContentMissing,
    /// The content that was handed in is not what the other signatures are about, or stands inside already.
    #[error("the content is not what is signed already")]
    OtherContent,
    /// The same signer has signed the same at the same second: where the algorithm has no chance in it (RSA by PKCS #1
    /// v1.5), that is the same signature once more, and no other. The next second makes one.
    #[error("this signer has signed the same at the same second")]
    AlreadySigned,
    /// As many signers as are read already.
    #[error("there are {} signatures already", cms::MAX_SIGNERS)]
    TooMany,
}

/// A further signature on its way to being signed.
#[derive(Debug, Clone)]
pub struct PreparedFurther {
    signed_data: SignedData,
    signature: PreparedCms,
    /// The signature that is counter-signed.
    over: Option<usize>,
}

/// How many signatures stand beside each other.
///
/// # Errors
/// [`cms::FormatError`]
pub fn signers(signature: &[u8]) -> Result<usize, cms::FormatError> {
    SignedData::parse(signature).map(|signed_data| signed_data.signers().len())
}

/// Prepares one more signature over the same content. `digest` is the content's, with the algorithm's hash, when the
/// content is outside, as it always is of a skeleton ([`super::Container`]); where a signer used that hash too, it has to
/// be the same. That such content is no set of signed attributes ([`cms::looks_like_signed_attributes`]) the caller has seen to.
///
/// # Errors
/// [`FurtherError`]
pub fn prepare_parallel(
    signature: &[u8],
    digest: Option<Vec<u8>>,
    request: &FurtherRequest<'_>,
) -> Result<PreparedFurther, FurtherError> {
    let signed_data = SignedData::parse(signature)?;
    if signed_data.signers().len() >= cms::MAX_SIGNERS {
        return Err(FurtherError::TooMany);
    }
    // What no first signature is made over, no further one is.
    if signed_data
        .content()
        .is_some_and(cms::looks_like_signed_attributes)
    {
        return Err(PrepareError::ContentIsSignedAttributes.into());
    }
    let hash = request.algorithm.hash();
    let inside = signed_data.content().map(|content| hash.digest(content));
    let digest = match (inside, digest) {
        (Some(_), Some(_)) => return Err(FurtherError::OtherContent),
        (inside, outside) => inside.or(outside).ok_or(FurtherError::ContentMissing)?,
    };
    let mut signed = signed_data.signers().iter();
    if signed.any(|signer| signer.signed_digest(hash).is_some_and(|other| other != digest)) {
        return Err(FurtherError::OtherContent);
    }
    let signature = cms::prepare(&cms_request(request, digest))?;
    if signed_data
        .signers()
        .iter()
        .any(|signer| says_the_same(signer, &signature))
    {
        return Err(FurtherError::AlreadySigned);
    }
    Ok(PreparedFurther {
        signed_data,
        signature,
        over: None,
    })
}

/// Prepares a counter-signature over the signature of this number, from 0.
///
/// # Errors
/// [`FurtherError`]
pub fn prepare_counter(
    signature: &[u8],
    over: usize,
    request: &FurtherRequest<'_>,
) -> Result<PreparedFurther, FurtherError> {
    let signed_data = SignedData::parse(signature)?;
    let signer = signed_data
        .signers()
        .get(over)
        .ok_or(FurtherError::NoSuchSignature(over))?;
    let digest = request.algorithm.hash().digest(signer.signature_value());
    let signature = cms::prepare_counter(&cms_request(request, digest))?;
    let mut made = signer.counter_signatures().into_iter().flatten();
    if made.any(|counter| says_the_same(&counter, &signature)) {
        return Err(FurtherError::AlreadySigned);
    }
    Ok(PreparedFurther {
        signed_data,
        signature,
        over: Some(over),
    })
}

/// Whether a signature is over these very attributes, which name its signer, its time and its content.
fn says_the_same(signer: &SignerInfo, prepared: &PreparedCms) -> bool {
    signer
        .to_be_signed()
        .is_some_and(|signed| signed == prepared.to_be_signed())
}

fn cms_request<'a>(request: &FurtherRequest<'a>, digest: Vec<u8>) -> cms::Request<'a> {
    cms::Request {
        content: cms::Content::Detached { digest },
        signer: request.signer,
        chain: request.chain,
        algorithm: request.algorithm,
        signing_time: Some(request.signing_time),
    }
}

impl Prepared for PreparedFurther {
    fn to_be_signed(&self) -> &[u8] {
        self.signature.to_be_signed()
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        self.signature.algorithm()
    }

    fn finish(self, signature: SignatureValue) -> Result<Vec<u8>, FinishError> {
        let Self {
            mut signed_data,
            signature: prepared,
            over,
        } = self;
        let made = SignedData::parse(&prepared.finish(signature)?).map_err(|_| FinishError::BadSignature)?;
        edit::join(&mut signed_data, &made, over).ok_or(FinishError::BadSignature)?;
        Ok(edit::to_der(&signed_data))
    }
}
