//! ML-DSA (FIPS 204; PKCS #11 3.2, section 6.67): key pairs, signatures of messages (`CKM_ML_DSA`) and of digests
//! (`CKM_HASH_ML_DSA`, and with a hash function of its own `CKM_HASH_ML_DSA_SHA…`).
//!
//! What is signed is always `mu`, a hash over the public key, the context and the message, so a message of any
//! length is taken in parts. Signatures are hedged unless a call requires deterministic ones; a verification takes
//! both.

use std::sync::Arc;

use cryptoki_sys::*;

use super::{Call, Fed, Hash, Mechanism, Parameter, Signing, Table, Verifying, ml_dsa_deterministic};
use crate::attribute::Value;
use crate::draft::Draft;
use crate::error::{Error, Result};
use crate::ffi::crypto::{Context, MlKey, Shake256};
use crate::key::{GeneratedPair, Key};
use crate::object::Object;

/// The longest context (FIPS 204, algorithm 2, line 1).
const MAX_CONTEXT: usize = 255;

/// A parameter set (FIPS 204, section 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MlDsaSet {
    Dsa44,
    Dsa65,
    Dsa87,
}

impl MlDsaSet {
    /// Reads `CKA_PARAMETER_SET`.
    pub(crate) fn from_parameter(set: u64) -> Result<Self> {
        match CK_ULONG::try_from(set) {
            Ok(CKP_ML_DSA_44) => Ok(Self::Dsa44),
            Ok(CKP_ML_DSA_65) => Ok(Self::Dsa65),
            Ok(CKP_ML_DSA_87) => Ok(Self::Dsa87),
            _ => Err(Error::ParameterSetNotSupported),
        }
    }

    /// The length of a signature, in bytes (FIPS 204, table 2).
    fn signature_len(self) -> usize {
        match self {
            Self::Dsa44 => 2420,
            Self::Dsa65 => 3309,
            Self::Dsa87 => 4627,
        }
    }
}

struct Generate;

impl Mechanism for Generate {
    fn info(&self) -> CK_MECHANISM_INFO {
        info(CKF_GENERATE_KEY_PAIR)
    }

    fn pair_type(&self) -> Result<CK_KEY_TYPE> {
        Ok(CKK_ML_DSA)
    }

    fn generate_pair(&self, call: &Call<'_>, public: &Draft, _private: &Draft) -> Result<GeneratedPair> {
        call.no_parameter()?;
        let number = public.ulong(CKA_PARAMETER_SET).ok_or(Error::TemplateIncomplete)?;
        GeneratedPair::from_ml(
            Value::Ulong(number),
            &MlKey::generate_dsa(MlDsaSet::from_parameter(number)?)?,
        )
    }
}

/// What is signed.
#[derive(Debug, Clone, Copy)]
enum Message {
    /// The message itself.
    Pure,
    /// A digest, of the hash function that the parameter names.
    Digest,
    /// A digest that is made here.
    Hashed(Hash),
}

struct MlDsa(Message);

impl MlDsa {
    fn begin(&self, call: &Call<'_>, object: &Object) -> Result<Operation> {
        let key = object.key()?;
        let (set, ml) = key.ml_dsa()?;
        let Given {
            context,
            hash: named,
            is_deterministic,
        } = read_parameter(&call.parameter)?;
        let hash = match (self.0, named) {
            (Message::Pure, None) => None,
            (Message::Hashed(hash), None) => Some(hash),
            (Message::Digest, Some(named)) => Some(Hash::from_mechanism(named)?),
            _ => return Err(Error::MechanismParamInvalid),
        };
        let mut mu = Shake256::new()?;
        let mut tr = Shake256::new()?;
        tr.update(&ml.public_bytes()?)?;
        mu.update(&tr.finish::<64>()?)?;
        // FIPS 204, algorithms 2 and 4: domain, length of the context, context.
        let context_len = u8::try_from(context.len()).map_err(|_| Error::MechanismParamInvalid)?;
        mu.update(&[u8::from(hash.is_some()), context_len])?;
        mu.update(context)?;
        if let Some(hash) = hash {
            mu.update(&hash.oid())?;
        }
        let input = match (self.0, hash) {
            (Message::Digest, Some(hash)) => Input::Digest {
                wanted: hash.len(),
                got: 0,
            },
            (Message::Hashed(hash), _) => Input::Hashed(Context::new(hash)?),
            _ => Input::Pure,
        };
        Ok(Operation {
            key,
            set,
            mu,
            input,
            is_deterministic,
        })
    }
}

/// What the parameter says.
struct Given<'a> {
    context: &'a [u8],
    /// The hash function, where the mechanism does not name it.
    hash: Option<CK_MECHANISM_TYPE>,
    is_deterministic: bool,
}

/// Without a parameter the context is empty.
fn read_parameter<'a>(parameter: &Parameter<'a>) -> Result<Given<'a>> {
    match *parameter {
        Parameter::Bytes([]) => Ok(Given {
            context: &[],
            hash: None,
            is_deterministic: false,
        }),
        Parameter::SignContext {
            hedge: hedge @ (CKH_HEDGE_PREFERRED | CKH_HEDGE_REQUIRED | CKH_DETERMINISTIC_REQUIRED),
            context,
            hash,
        } if context.len() <= MAX_CONTEXT => Ok(Given {
            context,
            hash,
            is_deterministic: hedge == CKH_DETERMINISTIC_REQUIRED,
        }),
        _ => Err(Error::MechanismParamInvalid),
    }
}

impl Mechanism for MlDsa {
    fn info(&self) -> CK_MECHANISM_INFO {
        info(CKF_SIGN | CKF_VERIFY)
    }

    fn sign(&self, call: &Call<'_>, key: &Object) -> Result<Box<dyn Signing>> {
        Ok(Box::new(self.begin(call, key)?))
    }

    fn verify(&self, call: &Call<'_>, key: &Object) -> Result<Box<dyn Verifying>> {
        Ok(Box::new(self.begin(call, key)?))
    }
}

/// Sizes are those of public keys, in bytes (FIPS 204, table 2).
fn info(flags: CK_FLAGS) -> CK_MECHANISM_INFO {
    CK_MECHANISM_INFO {
        ulMinKeySize: 1312,
        ulMaxKeySize: 2592,
        flags,
    }
}

struct Operation {
    key: Arc<Key>,
    set: MlDsaSet,
    mu: Shake256,
    input: Input,
    /// Of interest to who signs.
    is_deterministic: bool,
}

enum Input {
    Pure,
    Digest { wanted: usize, got: usize },
    Hashed(Context),
}

impl Operation {
    fn mu(self) -> Result<[u8; MlKey::MU_LEN]> {
        let Self { mut mu, input, .. } = self;
        match input {
            Input::Pure => {}
            Input::Digest { wanted, got } if wanted == got => {}
            Input::Digest { .. } => return Err(Error::DataLenRange),
            Input::Hashed(context) => mu.update(&context.finish()?)?,
        }
        mu.finish()
    }
}

impl Fed for Operation {
    fn takes_parts(&self) -> bool {
        !matches!(self.input, Input::Digest { .. })
    }

    fn update(&mut self, part: &[u8]) -> Result<()> {
        match &mut self.input {
            Input::Pure => self.mu.update(part),
            Input::Hashed(context) => context.update(part),
            Input::Digest { wanted, got } => {
                *got = got.saturating_add(part.len());
                if *got > *wanted {
                    return Err(Error::DataLenRange);
                }
                self.mu.update(part)
            }
        }
    }
}

impl Signing for Operation {
    fn signature_len(&self) -> usize {
        self.set.signature_len()
    }

    fn finish(self: Box<Self>) -> Result<Vec<u8>> {
        let (key, set, is_deterministic) = (self.key.clone(), self.set, self.is_deterministic);
        let (_, ml) = key.ml_dsa()?;
        let mu = self.mu()?;
        if is_deterministic {
            ml_dsa_deterministic::sign(set, ml, &mu)
        } else {
            ml.sign(&mu, set.signature_len())
        }
    }
}

impl Verifying for Operation {
    fn finish(self: Box<Self>, signature: &[u8]) -> Result<()> {
        if signature.len() != self.set.signature_len() {
            return Err(Error::SignatureLenRange);
        }
        let key = self.key.clone();
        let (_, ml) = key.ml_dsa()?;
        if ml.verify(&self.mu()?, signature)? {
            Ok(())
        } else {
            Err(Error::SignatureInvalid)
        }
    }
}

pub(super) static MECHANISMS: Table = &[
    (CKM_ML_DSA_KEY_PAIR_GEN, &Generate),
    (CKM_ML_DSA, &MlDsa(Message::Pure)),
    (CKM_HASH_ML_DSA, &MlDsa(Message::Digest)),
    (CKM_HASH_ML_DSA_SHA224, &MlDsa(Message::Hashed(Hash::Sha224))),
    (CKM_HASH_ML_DSA_SHA256, &MlDsa(Message::Hashed(Hash::Sha256))),
    (CKM_HASH_ML_DSA_SHA384, &MlDsa(Message::Hashed(Hash::Sha384))),
    (CKM_HASH_ML_DSA_SHA512, &MlDsa(Message::Hashed(Hash::Sha512))),
    (CKM_HASH_ML_DSA_SHA3_224, &MlDsa(Message::Hashed(Hash::Sha3_224))),
    (CKM_HASH_ML_DSA_SHA3_256, &MlDsa(Message::Hashed(Hash::Sha3_256))),
    (CKM_HASH_ML_DSA_SHA3_384, &MlDsa(Message::Hashed(Hash::Sha3_384))),
    (CKM_HASH_ML_DSA_SHA3_512, &MlDsa(Message::Hashed(Hash::Sha3_512))),
];
