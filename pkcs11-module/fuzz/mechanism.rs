//! Parameters of mechanisms: each structure that the standard defines with one, its numbers any, its pointers true.

use std::ptr::null_mut;

use cryptoki_sys::*;

use crate::{Choices, Template};

/// Pseudorandom functions of a derivation, and one that is none.
const FUNCTIONS: [CK_MECHANISM_TYPE; 4] = [CKM_SHA256_HMAC, CKM_AES_CMAC, CKM_SHA3_512_HMAC, CKM_SHA256];

/// A parameter in memory, with what it points to.
#[derive(Default)]
pub struct Parameter {
    bytes: Vec<u8>,
    _behind: Vec<Vec<u8>>,
    _fields: Vec<Vec<CK_PRF_DATA_PARAM>>,
    _oaep: Option<Box<CK_RSA_PKCS_OAEP_PARAMS>>,
    _templates: Vec<Template>,
    /// The handles that a derivation of several keys tells.
    told: Vec<Box<CK_OBJECT_HANDLE>>,
    _derived: Vec<CK_DERIVED_KEY>,
}

impl Parameter {
    /// A parameter for a mechanism; where it names keys, one of these.
    pub fn read(kind: CK_MECHANISM_TYPE, choices: &mut Choices<'_>, keys: &[CK_OBJECT_HANDLE]) -> Self {
        let mut made = Self::default();
        // Bytes of any length stand where a structure is expected, but never in its size: its pointers would lead
        // nowhere, and that is the host's fault.
        if choices.byte() & 7 == 0 {
            let bytes = choices.some();
            made.bytes = bytes[..bytes.len().min(15)].to_vec();
            return made;
        }
        match kind {
            CKM_RSA_PKCS_OAEP => {
                let oaep = made.oaep(choices);
                made.put(oaep);
            }
            CKM_RSA_AES_KEY_WRAP => {
                let mut oaep = Box::new(made.oaep(choices));
                let pointer = &raw mut *oaep;
                made._oaep = Some(oaep);
                made.put(CK_RSA_AES_KEY_WRAP_PARAMS { ulAESKeyBits: choices.number(), pOAEPParams: pointer });
            }
            CKM_AES_GCM => {
                let ((iv, iv_len), (aad, aad_len)) = (made.some(choices), made.some(choices));
                made.put(CK_GCM_PARAMS {
                    pIv: iv,
                    ulIvLen: iv_len,
                    ulIvBits: 0,
                    pAAD: aad,
                    ulAADLen: aad_len,
                    ulTagBits: choices.number(),
                });
            }
            CKM_AES_CCM => {
                let ((nonce, nonce_len), (aad, aad_len)) = (made.some(choices), made.some(choices));
                made.put(CK_CCM_PARAMS {
                    ulDataLen: choices.number(),
                    pNonce: nonce,
                    ulNonceLen: nonce_len,
                    pAAD: aad,
                    ulAADLen: aad_len,
                    ulMACLen: choices.number(),
                });
            }
            CKM_EDDSA => {
                let (context, len) = made.some(choices);
                made.put(CK_EDDSA_PARAMS { phFlag: choices.byte(), ulContextDataLen: len, pContextData: context });
            }
            CKM_ECDH1_DERIVE | CKM_ECDH1_COFACTOR_DERIVE => {
                let ((shared, shared_len), (public, public_len)) = (made.some(choices), made.some(choices));
                made.put(CK_ECDH1_DERIVE_PARAMS {
                    kdf: choices.number(),
                    ulSharedDataLen: shared_len,
                    pSharedData: shared,
                    ulPublicDataLen: public_len,
                    pPublicData: public,
                });
            }
            CKM_HKDF_DERIVE | CKM_HKDF_DATA => {
                let ((salt, salt_len), (info, info_len)) = (made.some(choices), made.some(choices));
                made.put(CK_HKDF_PARAMS {
                    bExtract: choices.byte(),
                    bExpand: choices.byte(),
                    prfHashMechanism: choices.one_of(&[CKM_SHA256, CKM_SHA384, CKM_AES_CBC]),
                    ulSaltType: choices.number(),
                    pSalt: salt,
                    ulSaltLen: salt_len,
                    hSaltKey: choices.one_of(keys),
                    pInfo: info,
                    ulInfoLen: info_len,
                });
            }
            CKM_SP800_108_COUNTER_KDF | CKM_SP800_108_DOUBLE_PIPELINE_KDF => {
                let ((fields, count), (derived, others)) = (made.fields(choices, keys), made.derived(choices));
                made.put(CK_SP800_108_KDF_PARAMS {
                    prfType: choices.one_of(&FUNCTIONS),
                    ulNumberOfDataParams: count,
                    pDataParams: fields,
                    ulAdditionalDerivedKeys: others,
                    pAdditionalDerivedKeys: derived,
                });
            }
            CKM_SP800_108_FEEDBACK_KDF => {
                let ((fields, count), (derived, others)) = (made.fields(choices, keys), made.derived(choices));
                let (iv, iv_len) = made.some(choices);
                made.put(CK_SP800_108_FEEDBACK_KDF_PARAMS {
                    prfType: choices.one_of(&FUNCTIONS),
                    ulNumberOfDataParams: count,
                    pDataParams: fields,
                    ulIVLen: iv_len,
                    pIV: iv,
                    ulAdditionalDerivedKeys: others,
                    pAdditionalDerivedKeys: derived,
                });
            }
            CKM_PKCS5_PBKD2 => {
                let ((salt, salt_len), (password, password_len)) = (made.some(choices), made.some(choices));
                made.put(CK_PKCS5_PBKD2_PARAMS2 {
                    saltSource: choices.number(),
                    pSaltSourceData: salt.cast(),
                    ulSaltSourceDataLen: salt_len,
                    // Few: a password's derivation is slow by intention.
                    iterations: CK_ULONG::from(choices.byte()),
                    prf: choices.number(),
                    pPrfData: null_mut(),
                    ulPrfDataLen: 0,
                    pPassword: password,
                    ulPasswordLen: password_len,
                });
            }
            CKM_CONCATENATE_BASE_AND_DATA | CKM_CONCATENATE_DATA_AND_BASE | CKM_XOR_BASE_AND_DATA
            | CKM_AES_ECB_ENCRYPT_DATA => {
                let (data, len) = made.some(choices);
                made.put(CK_KEY_DERIVATION_STRING_DATA { pData: data, ulLen: len });
            }
            CKM_AES_CBC_ENCRYPT_DATA => {
                let (data, len) = made.some(choices);
                made.put(CK_AES_CBC_ENCRYPT_DATA_PARAMS { iv: [7; 16], pData: data, length: len });
            }
            CKM_AES_CTR => made.put(CK_AES_CTR_PARAMS { ulCounterBits: choices.number(), cb: [7; 16] }),
            CKM_ML_DSA | CKM_HASH_ML_DSA => {
                let (context, len) = made.some(choices);
                let hedge = choices.number();
                if choices.byte() & 1 == 0 {
                    made.put(CK_SIGN_ADDITIONAL_CONTEXT { hedgeVariant: hedge, pContext: context, ulContextLen: len });
                } else {
                    made.put(CK_HASH_SIGN_ADDITIONAL_CONTEXT {
                        hedgeVariant: hedge,
                        pContext: context,
                        ulContextLen: len,
                        hash: CKM_SHA256,
                    });
                }
            }
            _ => made.bytes = flat(kind, choices),
        }
        made
    }

    /// A message's parameter, of the one or the other structure.
    pub fn message(choices: &mut Choices<'_>) -> Self {
        let mut made = Self::default();
        let ((nonce, nonce_len), (tag, tag_len)) = (made.some(choices), made.some(choices));
        let (fixed_bits, generator) = (choices.number(), choices.number());
        if choices.byte() & 1 == 0 {
            made.put(CK_GCM_MESSAGE_PARAMS {
                pIv: nonce,
                ulIvLen: nonce_len,
                ulIvFixedBits: fixed_bits,
                ivGenerator: generator,
                pTag: tag,
                ulTagBits: tag_len * 8 + CK_ULONG::from(choices.byte() & 7),
            });
        } else {
            made.put(CK_CCM_MESSAGE_PARAMS {
                ulDataLen: choices.number(),
                pNonce: nonce,
                ulNonceLen: nonce_len,
                ulNonceFixedBits: fixed_bits,
                nonceGenerator: generator,
                pMAC: tag,
                ulMACLen: tag_len,
            });
        }
        made
    }

    fn derived(&mut self, choices: &mut Choices<'_>) -> (*mut CK_DERIVED_KEY, CK_ULONG) {
        for _ in 0..choices.byte() % 3 {
            let mut template = Template::read(choices, 0);
            let mut handle = Box::new(0);
            self._derived.push(CK_DERIVED_KEY {
                pTemplate: template.pointer(),
                ulAttributeCount: template.count(),
                phKey: &raw mut *handle,
            });
            self._templates.push(template);
            self.told.push(handle);
        }
        (self._derived.as_mut_ptr(), self._derived.len() as CK_ULONG)
    }

    /// The keys that were derived along with another.
    pub fn told(&self) -> impl Iterator<Item = CK_OBJECT_HANDLE> {
        // SAFETY: the place is this parameter's own; the library has written it through the pointer that it was given.
        self.told.iter().map(|handle| unsafe { (&raw const **handle).read_volatile() })
    }

    fn oaep(&mut self, choices: &mut Choices<'_>) -> CK_RSA_PKCS_OAEP_PARAMS {
        let (label, len) = self.some(choices);
        CK_RSA_PKCS_OAEP_PARAMS {
            hashAlg: choices.one_of(&[CKM_SHA_1, CKM_SHA256, CKM_SHA3_512, CKM_AES_CBC]),
            mgf: choices.number(),
            source: choices.number(),
            pSourceData: label.cast(),
            ulSourceDataLen: len,
        }
    }

    fn fields(&mut self, choices: &mut Choices<'_>, keys: &[CK_OBJECT_HANDLE]) -> (*mut CK_PRF_DATA_PARAM, CK_ULONG) {
        let mut fields = Vec::new();
        for _ in 0..choices.byte() % 6 {
            let kind = CK_PRF_DATA_TYPE::from(choices.byte() % 7);
            let mut value = match kind {
                CK_SP800_108_KEY_HANDLE => choices.one_of(keys).to_ne_bytes().to_vec(),
                CK_SP800_108_BYTE_ARRAY => choices.some().to_vec(),
                _ => [choices.number(), choices.number(), choices.number()].map(CK_ULONG::to_ne_bytes).concat(),
            };
            if choices.byte() & 1 == 0 {
                value.truncate(16);
            }
            fields.push(CK_PRF_DATA_PARAM {
                type_: kind,
                pValue: value.as_mut_ptr().cast(),
                ulValueLen: value.len() as CK_ULONG,
            });
            self._behind.push(value);
        }
        let (pointer, count) = (fields.as_mut_ptr(), fields.len() as CK_ULONG);
        self._fields.push(fields);
        (pointer, count)
    }

    fn some(&mut self, choices: &mut Choices<'_>) -> (*mut u8, CK_ULONG) {
        let mut bytes = choices.some().to_vec();
        let (pointer, len) = (bytes.as_mut_ptr(), bytes.len() as CK_ULONG);
        self._behind.push(bytes);
        (pointer, len)
    }

    fn put<T: Copy>(&mut self, structure: T) {
        // SAFETY: the bytes of a structure of the interface, all of them written by its fields or padding that is
        // never looked at.
        let bytes = unsafe { std::slice::from_raw_parts((&raw const structure).cast::<u8>(), size_of::<T>()) };
        self.bytes = bytes.to_vec();
    }

    /// Where the structure is, and its length.
    pub fn place(&mut self) -> (CK_VOID_PTR, CK_ULONG) {
        (self.bytes.as_mut_ptr().cast(), self.bytes.len() as CK_ULONG)
    }

    /// The mechanism with this parameter.
    pub fn mechanism(&self, kind: CK_MECHANISM_TYPE) -> CK_MECHANISM {
        CK_MECHANISM {
            mechanism: kind,
            pParameter: self.bytes.as_ptr().cast_mut().cast(),
            ulParameterLen: self.bytes.len() as CK_ULONG,
        }
    }
}

/// A parameter without pointers. ML-DSA's mechanisms with a hash function take a structure with one, in these sizes.
fn flat(kind: CK_MECHANISM_TYPE, choices: &mut Choices<'_>) -> Vec<u8> {
    match choices.byte() % 4 {
        0 => Vec::new(),
        1 => choices.number().to_ne_bytes().to_vec(),
        2 => [7; 16].to_vec(),
        _ if (CKM_HASH_ML_DSA..=CKM_HASH_ML_DSA_SHAKE256).contains(&kind) => Vec::new(),
        _ => [choices.number(), choices.number(), choices.number()].map(CK_ULONG::to_ne_bytes).concat(),
    }
}
