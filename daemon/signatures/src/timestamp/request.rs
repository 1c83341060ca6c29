//! TimeStampReq and TimeStampResp (RFC 3161, section 2.4).

use der::asn1::ObjectIdentifier;
use time::{Duration, OffsetDateTime};

use super::{Imprint, MAX_RESPONSE, TimestampToken};
use crate::certificate::Certificate;
use crate::cms::tlv::{self, Elements, Malformed, tag};

const BOOLEAN: u8 = 0x01;
const UTF_8_STRING: u8 = 0x0C;

/// How far the authority's clock may lie from ours when an answer comes: the slowest known one takes over two minutes.
const TOLERANCE: Duration = Duration::minutes(10);

/// Why an answer is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TimestampError {
    /// Not a TimeStampResp, or not a token.
    #[error("the answer is not a time-stamp response")]
    Malformed,
    /// The authority refuses: `PKIStatus`, and what it says about it.
    #[error("the authority refuses (status {status}) {text}")]
    Refused {
        /// 2 to 5 (RFC 3161, 2.4.2)
        status: u8,
        /// Its words.
        text: String,
    },
    /// The token is about something else.
    #[error("the time-stamp is about something else")]
    OtherImprint,
    /// The token has another nonce, or none.
    #[error("the time-stamp does not answer this request")]
    OtherNonce,
    /// The token was made under another policy than asked for.
    #[error("the time-stamp follows the policy {0}, not the one asked for")]
    OtherPolicy(String),
    /// The time in it is too far from the present.
    #[error("the time-stamp says {0}, which is not now")]
    OtherTime(OffsetDateTime),
    /// The authority's certificate is missing, is not for time-stamps alone, or did not make the token.
    #[error("the time-stamp was not made by a time-stamp certificate")]
    NotGenuine,
}

impl From<Malformed> for TimestampError {
    fn from(Malformed: Malformed) -> Self {
        Self::Malformed
    }
}

/// A request for a time-stamp.
#[derive(Debug, Clone)]
pub struct TimestampRequest {
    der: Vec<u8>,
    imprint: Imprint,
    /// Contents of the INTEGER.
    nonce: Vec<u8>,
    policy: Option<ObjectIdentifier>,
}

impl TimestampRequest {
    /// Asks for a time-stamp over `imprint`, with the authority's certificate in it. `nonce` is 8 to 16 random bytes,
    /// new for each request; `policy` is an object identifier in dots.
    ///
    /// # Errors
    /// [`TimestampError::OtherPolicy`] when `policy` is none.
    pub fn new(imprint: Imprint, nonce: &[u8], policy: Option<&str>) -> Result<Self, TimestampError> {
        let policy = policy
            .map(|text| ObjectIdentifier::new(text).map_err(|_| TimestampError::OtherPolicy(text.to_owned())))
            .transpose()?;
        let mut body = tlv::write(tag::INTEGER, &[1]);
        let mut message = imprint.hash.identifier_der();
        message.extend(tlv::write(tag::OCTET_STRING, &imprint.digest));
        body.extend(tlv::write(tag::SEQUENCE, &message));
        body.extend(policy.iter().flat_map(tlv::oid));
        // Positive, and in as few octets as DER wants.
        let mut number: Vec<u8> = nonce.iter().copied().skip_while(|octet| *octet == 0).collect();
        if number.first().is_none_or(|octet| octet & 0x80 != 0) {
            number.insert(0, 0);
        }
        body.extend(tlv::write(tag::INTEGER, &number));
        body.extend(tlv::write(BOOLEAN, &[0xFF]));
        Ok(Self {
            der: tlv::write(tag::SEQUENCE, &body),
            imprint,
            nonce: number,
            policy,
        })
    }

    /// What is sent.
    #[must_use]
    pub fn as_der(&self) -> &[u8] {
        &self.der
    }

    /// Takes the answer: granted, about this imprint, with this nonce and policy, of about `now`, and signed by a
    /// certificate that is for time-stamps. Whether that certificate is trusted is judged with a
    /// [`Reliance`](crate::trust::Reliance) ([`TimestampToken::validate`]). `known` are certificates that are looked
    /// through for the authority's, if it is not in the token.
    ///
    /// # Errors
    /// [`TimestampError`]; nothing of the answer is to be used then.
    pub fn accept(
        &self,
        response: &[u8],
        known: &[Certificate],
        now: OffsetDateTime,
    ) -> Result<TimestampToken, TimestampError> {
        if response.len() > MAX_RESPONSE {
            return Err(TimestampError::Malformed);
        }
        let token = TimestampToken::from_der(granted(response)?)?;
        if !token.is_about(&self.imprint) {
            return Err(TimestampError::OtherImprint);
        }
        if token.nonce() != Some(self.nonce.as_slice()) {
            return Err(TimestampError::OtherNonce);
        }
        if self.policy.is_some_and(|policy| policy != token.policy_oid()) {
            return Err(TimestampError::OtherPolicy(token.policy()));
        }
        if (token.time() - now).abs() > TOLERANCE {
            return Err(TimestampError::OtherTime(token.time()));
        }
        token
            .authority(known, false)
            .map_err(|_| TimestampError::NotGenuine)?;
        Ok(token)
    }
}

/// The token in a TimeStampResp that was granted.
fn granted(response: &[u8]) -> Result<&[u8], TimestampError> {
    let mut fields = Elements::of_single(response)?
        .next_tagged(tag::SEQUENCE)?
        .children();
    let mut info = fields.next_tagged(tag::SEQUENCE)?.children();
    let status = info.next_tagged(tag::INTEGER)?.value;
    match status {
        // granted, grantedWithMods
        [0 | 1] => {}
        [status] => {
            let text = info.next_if(tag::SEQUENCE)?.map(|texts| {
                let texts = texts.children().collect(16).unwrap_or_default();
                let words = texts.iter().filter(|text| text.tag == UTF_8_STRING);
                words
                    .map(|text| String::from_utf8_lossy(text.value).chars().take(200).collect())
                    .collect::<Vec<String>>()
                    .join("; ")
            });
            return Err(TimestampError::Refused {
                status: *status,
                text: text.unwrap_or_default(),
            });
        }
        _ => return Err(TimestampError::Malformed),
    }
    let token = fields.next_tagged(tag::SEQUENCE)?.raw;
    fields.finish()?;
    Ok(token)
}
