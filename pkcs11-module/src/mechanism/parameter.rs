//! The parameters of mechanisms in safe values. `ffi::parameter` reads them out of the host's structures; each
//! mechanism's own file takes the one it is defined with, and refuses the others. No `Debug`: some hold secrets.

use cryptoki_sys::*;

use crate::attribute::RawAttribute;
use crate::error::{Error, Result};

/// A mechanism as a call names it (`CK_MECHANISM`).
pub(crate) struct Call<'a> {
    pub(crate) kind: CK_MECHANISM_TYPE,
    pub(crate) parameter: Parameter<'a>,
}

/// A mechanism's parameter. Structures without pointers, initialisation vectors and numbers stay [`Self::Bytes`].
pub(crate) enum Parameter<'a> {
    /// The bytes as they are; none for the many mechanisms without a parameter.
    Bytes(&'a [u8]),
    /// `CK_RSA_PKCS_PSS_PARAMS`.
    Pss {
        hash: CK_MECHANISM_TYPE,
        mask: CK_RSA_PKCS_MGF_TYPE,
        salt_len: CK_ULONG,
    },
    /// `CK_RSA_PKCS_OAEP_PARAMS`.
    Oaep(Oaep<'a>),
    /// `CK_RSA_AES_KEY_WRAP_PARAMS`.
    RsaAesKeyWrap { aes_bits: CK_ULONG, oaep: Oaep<'a> },
    /// `CK_GCM_PARAMS`: additional data, and how much of the tag is kept.
    Gcm {
        iv: &'a [u8],
        additional: &'a [u8],
        tag_bits: CK_ULONG,
    },
    /// `CK_CCM_PARAMS`.
    Ccm {
        data_len: CK_ULONG,
        nonce: &'a [u8],
        additional: &'a [u8],
        tag_len: CK_ULONG,
    },
    /// `CK_AES_CTR_PARAMS`.
    Counter { bits: CK_ULONG, block: [u8; 16] },
    /// `CK_EDDSA_PARAMS`.
    EdDsa { prehash: bool, context: &'a [u8] },
    /// `CK_SIGN_ADDITIONAL_CONTEXT`, or with a hash function `CK_HASH_SIGN_ADDITIONAL_CONTEXT`.
    SignContext {
        hedge: CK_HEDGE_TYPE,
        context: &'a [u8],
        hash: Option<CK_MECHANISM_TYPE>,
    },
    /// `CK_ECDH1_DERIVE_PARAMS`.
    Ecdh {
        kdf: CK_EC_KDF_TYPE,
        shared: &'a [u8],
        public: &'a [u8],
    },
    /// `CK_HKDF_PARAMS`.
    Hkdf(Hkdf<'a>),
    /// `CK_KEY_DERIVATION_STRING_DATA`.
    Data(&'a [u8]),
    /// `CK_AES_CBC_ENCRYPT_DATA_PARAMS`.
    EncryptData { iv: [u8; 16], data: &'a [u8] },
    /// `CK_SP800_108_KDF_PARAMS` and `CK_SP800_108_FEEDBACK_KDF_PARAMS`.
    Kbkdf(Kbkdf<'a>),
    /// `CK_PKCS5_PBKD2_PARAMS2`, and the older structure of the same use.
    Pbkdf2(Pbkdf2<'a>),
}

/// `CK_RSA_PKCS_OAEP_PARAMS`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Oaep<'a> {
    pub(crate) hash: CK_MECHANISM_TYPE,
    pub(crate) mask: CK_RSA_PKCS_MGF_TYPE,
    pub(crate) source: CK_RSA_PKCS_OAEP_SOURCE_TYPE,
    pub(crate) label: &'a [u8],
}

/// `CK_HKDF_PARAMS`.
pub(crate) struct Hkdf<'a> {
    pub(crate) extract: bool,
    pub(crate) expand: bool,
    pub(crate) hash: CK_MECHANISM_TYPE,
    pub(crate) salt_type: CK_ULONG,
    pub(crate) salt: &'a [u8],
    pub(crate) salt_key: CK_OBJECT_HANDLE,
    pub(crate) info: &'a [u8],
}

/// The parameters of the key derivations of NIST SP 800-108.
pub(crate) struct Kbkdf<'a> {
    pub(crate) prf: CK_MECHANISM_TYPE,
    pub(crate) fields: Vec<Field<'a>>,
    /// The feedback mode's first value.
    pub(crate) iv: &'a [u8],
    /// Keys that are derived along with the one that the call names.
    pub(crate) additional: Vec<Vec<RawAttribute<'a>>>,
}

/// `CK_PRF_DATA_PARAM`: one piece of what the pseudo-random function is fed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Field<'a> {
    /// Where the mode's own variable goes; `None` without a counter format.
    Iteration(Option<Number>),
    /// An extra counter.
    Counter(Number),
    /// The length of what is derived: of the keys themselves, or of the blocks they are cut from.
    Length { of_segments: bool, number: Number },
    /// Fixed bytes.
    Bytes(&'a [u8]),
    /// A key's value.
    Key(CK_OBJECT_HANDLE),
}

/// How a number is written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Number {
    pub(crate) little_endian: bool,
    pub(crate) bits: CK_ULONG,
}

/// `CK_PKCS5_PBKD2_PARAMS2`.
pub(crate) struct Pbkdf2<'a> {
    pub(crate) salt_source: CK_ULONG,
    pub(crate) salt: &'a [u8],
    pub(crate) iterations: CK_ULONG,
    pub(crate) prf: CK_ULONG,
    pub(crate) password: &'a [u8],
}

/// A call of a signature mechanism that outlives the host's memory: work on messages begins each one with it.
pub(crate) struct KeptCall {
    kind: CK_MECHANISM_TYPE,
    parameter: KeptParameter,
}

enum KeptParameter {
    Bytes(Vec<u8>),
    Pss(CK_RSA_PKCS_PSS_PARAMS),
    EdDsa {
        prehash: bool,
        context: Vec<u8>,
    },
    SignContext {
        hedge: CK_HEDGE_TYPE,
        context: Vec<u8>,
        hash: Option<CK_MECHANISM_TYPE>,
    },
}

impl KeptCall {
    /// Takes a copy. The parameters of mechanisms that do not sign are refused.
    pub(crate) fn new(call: &Call<'_>) -> Result<Self> {
        let parameter = match call.parameter {
            Parameter::Bytes(bytes) => KeptParameter::Bytes(bytes.to_vec()),
            Parameter::Pss { hash, mask, salt_len } => KeptParameter::Pss(CK_RSA_PKCS_PSS_PARAMS {
                hashAlg: hash,
                mgf: mask,
                sLen: salt_len,
            }),
            Parameter::EdDsa { prehash, context } => KeptParameter::EdDsa {
                prehash,
                context: context.to_vec(),
            },
            Parameter::SignContext { hedge, context, hash } => KeptParameter::SignContext {
                hedge,
                context: context.to_vec(),
                hash,
            },
            _ => return Err(Error::MechanismParamInvalid),
        };
        Ok(Self {
            kind: call.kind,
            parameter,
        })
    }

    /// The call again.
    pub(crate) fn call(&self) -> Call<'_> {
        let parameter = match &self.parameter {
            KeptParameter::Bytes(bytes) => Parameter::Bytes(bytes),
            KeptParameter::Pss(pss) => Parameter::Pss {
                hash: pss.hashAlg,
                mask: pss.mgf,
                salt_len: pss.sLen,
            },
            KeptParameter::EdDsa { prehash, context } => Parameter::EdDsa {
                prehash: *prehash,
                context,
            },
            KeptParameter::SignContext { hedge, context, hash } => Parameter::SignContext {
                hedge: *hedge,
                context,
                hash: *hash,
            },
        };
        Call {
            kind: self.kind,
            parameter,
        }
    }
}

impl<'a> Call<'a> {
    /// For the many mechanisms without a parameter.
    pub(super) fn no_parameter(&self) -> Result<()> {
        self.bytes().and_then(|bytes| {
            if bytes.is_empty() {
                Ok(())
            } else {
                Err(Error::MechanismParamInvalid)
            }
        })
    }

    /// For an initialisation vector or another flat parameter.
    pub(super) fn bytes(&self) -> Result<&'a [u8]> {
        match self.parameter {
            Parameter::Bytes(bytes) => Ok(bytes),
            _ => Err(Error::MechanismParamInvalid),
        }
    }

    /// For a parameter that is one `CK_ULONG`: a length, a position, an object's handle.
    pub(super) fn ulong(&self) -> Result<CK_ULONG> {
        let bytes = self.bytes()?.try_into();
        bytes
            .map(CK_ULONG::from_ne_bytes)
            .map_err(|_| Error::MechanismParamInvalid)
    }
}
