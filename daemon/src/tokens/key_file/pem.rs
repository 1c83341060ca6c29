//! PEM (RFC 7468): the labels under which keys and their certificates travel.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use trien_signatures::certificate::Certificate;
use zeroize::Zeroizing;

use super::{Found, KeyFileError, of_der};

const BEGIN: &str = "-----BEGIN ";
const DASHES: &str = "-----";

/// More blocks than a key with the longest chain has.
const MAX_BLOCKS: usize = 64;

pub(super) fn is_pem(file: &[u8]) -> bool {
    file.windows(BEGIN.len()).any(|window| window == BEGIN.as_bytes())
}

/// The key and the certificates of a file; blocks with other labels are passed over.
pub(super) fn read(file: &[u8], password: Option<&[u8]>) -> Result<Found, KeyFileError> {
    let mut rest = std::str::from_utf8(file).map_err(|_| KeyFileError::NoKey)?;
    let mut found = Found::default();
    for _ in 0..MAX_BLOCKS {
        let Some(block) = next_block(&mut rest)? else {
            return Ok(found);
        };
        match block.label {
            "PRIVATE KEY" | "ENCRYPTED PRIVATE KEY" | "RSA PRIVATE KEY" | "EC PRIVATE KEY" => {
                let der = block.octets()?;
                found.put(of_der(&der, password)?.ok_or(KeyFileError::NoKey)?)?;
            }
            "CERTIFICATE" | "X509 CERTIFICATE" => {
                let read = Certificate::from_der(&block.octets()?);
                found.certificates.push(read.map_err(|_| KeyFileError::NoKey)?);
            }
            _ => {}
        }
    }
    Err(KeyFileError::NoKey)
}

struct Block<'a> {
    label: &'a str,
    body: &'a str,
}

/// Takes the next block off the text.
fn next_block<'a>(rest: &mut &'a str) -> Result<Option<Block<'a>>, KeyFileError> {
    let Some((_, from_label)) = rest.split_once(BEGIN) else {
        return Ok(None);
    };
    let (label, from_body) = from_label.split_once(DASHES).ok_or(KeyFileError::NoKey)?;
    let end = format!("-----END {label}{DASHES}");
    let (body, behind) = from_body.split_once(&end).ok_or(KeyFileError::NoKey)?;
    *rest = behind;
    Ok(Some(Block { label, body }))
}

impl Block<'_> {
    fn octets(&self) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
        if self.body.contains("Proc-Type:") {
            // RFC 1421's encryption with a key that is one MD5 of the password.
            return Err(KeyFileError::Unsupported("Proc-Type: 4,ENCRYPTED".to_owned()));
        }
        let mut text = Zeroizing::new(Vec::with_capacity(self.body.len()));
        text.extend(self.body.bytes().filter(|byte| !byte.is_ascii_whitespace()));
        // With room for all from the start, nothing is moved and left behind unwiped.
        let mut octets = Zeroizing::new(vec![0; base64::decoded_len_estimate(text.len())]);
        let length = BASE64
            .decode_slice(text.as_slice(), &mut octets)
            .map_err(|_| KeyFileError::NoKey)?;
        octets.truncate(length);
        Ok(octets)
    }
}
