//! What is particular to messages (3.0, section 6.11): their parameter, and nonces that the token makes.

use aws_lc_rs::rand;
use cryptoki_sys::*;

use crate::error::{Error, Result};

/// `CK_GCM_MESSAGE_PARAMS` or `CK_CCM_MESSAGE_PARAMS`: what belongs to one message.
pub(crate) struct MessageParameter<'a> {
    /// The nonce, or the place for it with its fixed bits in front.
    pub(crate) nonce: &'a [u8],
    pub(crate) fixed_bits: CK_ULONG,
    pub(crate) generator: CK_GENERATOR_FUNCTION,
    /// The tag, or the place for it.
    pub(crate) tag: &'a [u8],
    /// CCM's length of the whole message; `None` for GCM, which needs none.
    pub(crate) data_len: Option<CK_ULONG>,
}

/// How a key is wrapped together with data that is authenticated (`CK_GCM_PARAMS`, `CK_GCM_MESSAGE_PARAMS`,
/// `CK_GCM_WRAP_PARAMS` and those of CCM; 3.2).
pub(crate) struct WrapParameter<'a> {
    /// The nonce, and the tag or as many bytes as it has.
    pub(crate) message: MessageParameter<'a>,
    /// What the parameter itself says of associated data.
    pub(crate) additional: &'a [u8],
    /// Whether the tag follows the wrapped key, rather than having a place of its own.
    pub(crate) tag_follows: bool,
}

impl<'a> MessageParameter<'a> {
    /// The same for data of this length, which a mechanism that needs none is not told.
    pub(crate) fn of_len(&self, len: usize) -> Self {
        Self {
            data_len: self.data_len.map(|_| len as CK_ULONG),
            ..*self
        }
    }

    /// The same with this tag.
    pub(crate) fn with_tag(&self, tag: &'a [u8]) -> Self {
        Self { tag, ..*self }
    }

    /// The nonce of the only message that there is. No count is kept, so what the token makes is random.
    pub(crate) fn fresh_nonce(&self) -> Result<Vec<u8>> {
        let generator = match self.generator {
            CKG_GENERATE => CKG_GENERATE_RANDOM,
            CKG_NO_GENERATE | CKG_GENERATE_RANDOM => self.generator,
            _ => return Err(Error::MechanismParamInvalid),
        };
        NonceSource::default().next(&Self { generator, ..*self })
    }
}

/// One message being encrypted or decrypted.
pub(crate) trait MessageCipher: Send {
    /// Takes the next piece and appends as many bytes.
    fn update(&mut self, part: &[u8], out: &mut Vec<u8>) -> Result<()>;

    /// Ends an encryption: the tag.
    fn tag(&mut self, len: usize) -> Result<Vec<u8>>;

    /// Ends a decryption: `CKR_AEAD_DECRYPT_FAILED` if this is not the tag.
    fn check(&mut self, tag: &[u8]) -> Result<()>;
}

/// Makes the nonces of the messages that are encrypted with one key, no two alike.
#[derive(Default)]
pub(crate) struct NonceSource {
    made: u64,
}

impl NonceSource {
    /// Random bits that may be relied on never to repeat (SP 800-38D, 8.2.2: at least 96).
    const MIN_RANDOM_BITS: usize = 96;

    /// The nonce of the next message: the host's, or its fixed bits and what the generator makes of the others.
    pub(crate) fn next(&mut self, parameter: &MessageParameter<'_>) -> Result<Vec<u8>> {
        let bits = 8 * parameter.nonce.len();
        let fixed = usize::try_from(parameter.fixed_bits)
            .ok()
            .filter(|&fixed| fixed <= bits);
        let fixed = fixed.ok_or(Error::MechanismParamInvalid)?;
        let free = bits - fixed;
        let mut nonce = parameter.nonce.to_vec();
        match parameter.generator {
            CKG_NO_GENERATE => return Ok(nonce),
            CKG_GENERATE_RANDOM | CKG_GENERATE if free >= Self::MIN_RANDOM_BITS => {
                let mut random = vec![0; nonce.len()];
                rand::fill(&mut random).map_err(|_| Error::FunctionFailed)?;
                replace(&mut nonce, fixed, &random);
            }
            CKG_GENERATE_RANDOM => return Err(Error::MechanismParamInvalid),
            CKG_GENERATE | CKG_GENERATE_COUNTER => {
                let counter = self.count(parameter.nonce.len(), free)?;
                replace(&mut nonce, fixed, &counter);
            }
            CKG_GENERATE_COUNTER_XOR => {
                // The host's own bits keep their value but for the counter.
                let counter = self.count(parameter.nonce.len(), free)?;
                nonce
                    .iter_mut()
                    .zip(&counter)
                    .for_each(|(byte, counter)| *byte ^= counter);
            }
            _ => return Err(Error::MechanismParamInvalid),
        }
        Ok(nonce)
    }

    /// The counter, which begins with zero, right-aligned in as many bytes; it never comes round.
    fn count(&mut self, len: usize, free: usize) -> Result<Vec<u8>> {
        let counter = self.made;
        if free < 64 && counter >> free != 0 {
            return Err(Error::DataLenRange);
        }
        self.made = counter.checked_add(1).ok_or(Error::DataLenRange)?;
        let bytes = counter.to_be_bytes();
        let taken = len.min(bytes.len());
        let mut out = vec![0; len - taken];
        out.extend_from_slice(&bytes[bytes.len() - taken..]);
        Ok(out)
    }
}

/// Replaces all bits after the fixed ones.
fn replace(nonce: &mut [u8], fixed: usize, with: &[u8]) {
    for (i, (byte, with)) in nonce.iter_mut().zip(with).enumerate() {
        let kept = fixed.saturating_sub(8 * i).min(8);
        let mask = (0xff_u16 << (8 - kept)) as u8;
        *byte = (*byte & mask) | (with & !mask);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameter(
        nonce: &[u8],
        fixed_bits: CK_ULONG,
        generator: CK_GENERATOR_FUNCTION,
    ) -> MessageParameter<'_> {
        MessageParameter {
            nonce,
            fixed_bits,
            generator,
            tag: &[0; 16],
            data_len: None,
        }
    }

    #[test]
    fn a_counter_fills_the_bits_that_are_free_and_never_comes_round() {
        let mut source = NonceSource::default();
        let asked = parameter(&[0xab, 0xcd], 14, CKG_GENERATE_COUNTER);
        let made: Vec<_> = (0..4).map(|_| source.next(&asked).unwrap()).collect();
        assert_eq!(made, [[0xab, 0xcc], [0xab, 0xcd], [0xab, 0xce], [0xab, 0xcf]]);
        assert_eq!(source.next(&asked), Err(Error::DataLenRange));
    }

    #[test]
    fn a_counter_may_be_mixed_into_the_hosts_own_bits() {
        let mut source = NonceSource::default();
        let asked = parameter(&[7; 12], 0, CKG_GENERATE_COUNTER_XOR);
        assert_eq!(source.next(&asked).unwrap(), [7; 12]);
        assert_eq!(source.next(&asked).unwrap(), [7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 6]);
    }

    #[test]
    fn too_few_random_bits_are_refused_or_counted_instead() {
        let mut source = NonceSource::default();
        let asked = parameter(&[7; 12], 8, CKG_GENERATE_RANDOM);
        assert_eq!(source.next(&asked), Err(Error::MechanismParamInvalid));
        let asked = parameter(&[7; 12], 8, CKG_GENERATE);
        assert_eq!(source.next(&asked).unwrap()[..1], [7]);
        let asked = parameter(&[7; 12], 97, CKG_GENERATE);
        assert_eq!(source.next(&asked), Err(Error::MechanismParamInvalid));
    }
}
