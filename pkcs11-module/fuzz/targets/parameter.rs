//! Mechanism parameters: every mechanism of the token is begun with every key and any parameter, and fed.
#![no_main]

use std::ptr::null_mut;
use std::sync::OnceLock;

use cryptoki_sys::*;
use libfuzzer_sys::fuzz_target;
use trien_pkcs11_fuzz::{Choices, Template, call, session};

/// The session of the whole run, its keys, and the mechanisms of the token.
static STAGE: OnceLock<Stage> = OnceLock::new();

struct Stage {
    session: CK_SESSION_HANDLE,
    keys: Vec<CK_OBJECT_HANDLE>,
    mechanisms: Vec<CK_MECHANISM_TYPE>,
}

/// DER of the curves' object identifiers: P-256, P-521, Ed25519, X25519.
const CURVES: [(CK_MECHANISM_TYPE, &[u8]); 4] = [
    (CKM_EC_KEY_PAIR_GEN, &[6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7]),
    (CKM_EC_KEY_PAIR_GEN, &[6, 5, 0x2b, 0x81, 4, 0, 0x23]),
    (CKM_EC_EDWARDS_KEY_PAIR_GEN, &[6, 3, 0x2b, 0x65, 0x70]),
    (CKM_EC_MONTGOMERY_KEY_PAIR_GEN, &[6, 3, 0x2b, 0x65, 0x6e]),
];

fuzz_target!(|data: &[u8]| {
    let stage = STAGE.get_or_init(Stage::new);
    let mut choices = Choices::new(data);
    let kind = choices.one_of(&stage.mechanisms);
    let key = choices.one_of(&stage.keys);
    let what = choices.byte() % 10;
    let parameter = Parameter::read(kind, &mut choices, stage);
    let mut mechanism = parameter.mechanism(kind);
    stage.run(what, &mut mechanism, key, &mut choices);
});

impl Stage {
    fn new() -> Self {
        let session = session();
        let mut keys = Vec::new();
        for (kind, curve) in CURVES {
            keys.extend(pair(session, kind, CKA_EC_PARAMS, curve));
        }
        keys.extend(pair(session, CKM_RSA_PKCS_KEY_PAIR_GEN, CKA_MODULUS_BITS, &2048_u64.to_ne_bytes()));
        keys.extend(pair(session, CKM_ML_DSA_KEY_PAIR_GEN, CKA_PARAMETER_SET, &CKP_ML_DSA_44.to_ne_bytes()));
        for (key_type, len) in [(CKK_AES, 16), (CKK_AES, 32), (CKK_GENERIC_SECRET, 20)] {
            keys.push(secret(session, key_type, len));
        }
        let (mut mechanisms, mut count) = (vec![0; 512], 512);
        assert_eq!(call!(C_GetMechanismList(0, mechanisms.as_mut_ptr(), &raw mut count)), CKR_OK);
        mechanisms.truncate(count as usize);
        Self { session, keys, mechanisms }
    }

    fn run(&self, what: u8, mechanism: *mut CK_MECHANISM, key: CK_OBJECT_HANDLE, choices: &mut Choices<'_>) {
        let session = self.session;
        let (mut out, mut len) = (vec![0_u8; 8192], 8192);
        let mut data = choices.some().to_vec();
        let (bytes, count) = (data.as_mut_ptr(), data.len() as CK_ULONG);
        let mut handle = 0;
        let mut template = Template::read(choices, 0);
        let (list, attributes) = (template.pointer(), template.count());
        let begun = match what {
            0 => call!(C_SignInit(session, mechanism, key)),
            1 => call!(C_VerifyInit(session, mechanism, key)),
            2 => call!(C_EncryptInit(session, mechanism, key)),
            3 => call!(C_DecryptInit(session, mechanism, key)),
            4 => call!(C_DigestInit(session, mechanism)),
            5 => call!(C_WrapKey(session, mechanism, key, self.keys[0], out.as_mut_ptr(), &raw mut len)),
            6 => call!(C_UnwrapKey(session, mechanism, key, bytes, count, list, attributes, &raw mut handle)),
            7 => call!(C_DeriveKey(session, mechanism, key, list, attributes, &raw mut handle)),
            8 => call!(C_SignRecoverInit(session, mechanism, key)),
            _ => call!(C_MessageSignInit(session, mechanism, key)),
        };
        if begun == CKR_OK && what < 5 {
            let in_parts = choices.byte() & 1 != 0;
            feed(session, what, in_parts, [bytes, out.as_mut_ptr()], count);
        }
        if handle != 0 {
            call!(C_DestroyObject(session, handle));
        }
        // Whatever goes on ends here, or the next input would meet it.
        let all = CKF_SIGN | CKF_VERIFY | CKF_ENCRYPT | CKF_DECRYPT | CKF_DIGEST | CKF_SIGN_RECOVER | CKF_MESSAGE_SIGN;
        assert_eq!(call!(C_SessionCancel(session, all)), CKR_OK);
    }
}

fn feed(session: CK_SESSION_HANDLE, what: u8, in_parts: bool, [data, out]: [*mut u8; 2], count: CK_ULONG) {
    let mut len = 8192;
    let len = &raw mut len;
    match (what, in_parts) {
        (0, false) => call!(C_Sign(session, data, count, out, len)),
        (0, true) => call!(C_SignUpdate(session, data, count)) + call!(C_SignFinal(session, out, len)),
        (1, false) => call!(C_Verify(session, data, count, data, count)),
        (1, true) => call!(C_VerifyUpdate(session, data, count)) + call!(C_VerifyFinal(session, data, count)),
        (2, false) => call!(C_Encrypt(session, data, count, out, len)),
        (2, true) => call!(C_EncryptUpdate(session, data, count, out, len)) + call!(C_EncryptFinal(session, out, len)),
        (3, false) => call!(C_Decrypt(session, data, count, out, len)),
        (3, true) => call!(C_DecryptUpdate(session, data, count, out, len)) + call!(C_DecryptFinal(session, out, len)),
        (_, false) => call!(C_Digest(session, data, count, out, len)),
        (_, true) => call!(C_DigestUpdate(session, data, count)) + call!(C_DigestFinal(session, out, len)),
    };
}

fn attribute(kind: CK_ATTRIBUTE_TYPE, value: &[u8]) -> CK_ATTRIBUTE {
    CK_ATTRIBUTE {
        type_: kind,
        pValue: value.as_ptr().cast_mut().cast(),
        ulValueLen: value.len() as CK_ULONG,
    }
}

fn pair(session: CK_SESSION_HANDLE, kind: CK_MECHANISM_TYPE, what: CK_ATTRIBUTE_TYPE, value: &[u8]) -> Vec<CK_OBJECT_HANDLE> {
    let mut mechanism = CK_MECHANISM { mechanism: kind, ..Default::default() };
    let mut public = [attribute(what, value)];
    let mut private = [attribute(CKA_EXTRACTABLE, &[1]), attribute(CKA_SENSITIVE, &[0])];
    let (mut a, mut b) = (0, 0);
    let made = call!(C_GenerateKeyPair(
        session,
        &raw mut mechanism,
        public.as_mut_ptr(),
        1,
        private.as_mut_ptr(),
        2,
        &raw mut a,
        &raw mut b,
    ));
    assert_eq!(made, CKR_OK, "{kind:#x}");
    vec![a, b]
}

fn secret(session: CK_SESSION_HANDLE, key_type: CK_KEY_TYPE, len: usize) -> CK_OBJECT_HANDLE {
    let (class, key_type, value) = (CKO_SECRET_KEY.to_ne_bytes(), key_type.to_ne_bytes(), vec![7; len]);
    let mut template = [
        attribute(CKA_CLASS, &class),
        attribute(CKA_KEY_TYPE, &key_type),
        attribute(CKA_VALUE, &value),
        attribute(CKA_DERIVE, &[1]),
        attribute(CKA_EXTRACTABLE, &[1]),
    ];
    let mut key = 0;
    let made = call!(C_CreateObject(session, template.as_mut_ptr(), 5, &raw mut key));
    assert_eq!(made, CKR_OK);
    key
}

/// A parameter in memory, with what it points to.
struct Parameter {
    bytes: Vec<u8>,
    _behind: Vec<Vec<u8>>,
    _fields: Vec<Vec<CK_PRF_DATA_PARAM>>,
    _oaep: Option<Box<CK_RSA_PKCS_OAEP_PARAMS>>,
}

impl Parameter {
    fn read(kind: CK_MECHANISM_TYPE, choices: &mut Choices<'_>, stage: &Stage) -> Self {
        let mut made = Self {
            bytes: Vec::new(),
            _behind: Vec::new(),
            _fields: Vec::new(),
            _oaep: None,
        };
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
                    hSaltKey: choices.one_of(&stage.keys),
                    pInfo: info,
                    ulInfoLen: info_len,
                });
            }
            CKM_SP800_108_COUNTER_KDF | CKM_SP800_108_DOUBLE_PIPELINE_KDF => {
                let (fields, count) = made.fields(choices, stage);
                made.put(CK_SP800_108_KDF_PARAMS {
                    prfType: choices.one_of(&[CKM_SHA256_HMAC, CKM_AES_CMAC, CKM_SHA256]),
                    ulNumberOfDataParams: count,
                    pDataParams: fields,
                    ulAdditionalDerivedKeys: 0,
                    pAdditionalDerivedKeys: null_mut(),
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
            // A feedback derivation has the same fields, a password derivation is slow by intention, and the rest
            // has no pointers.
            CKM_SP800_108_FEEDBACK_KDF | CKM_PKCS5_PBKD2 => {}
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

    fn fields(&mut self, choices: &mut Choices<'_>, stage: &Stage) -> (*mut CK_PRF_DATA_PARAM, CK_ULONG) {
        let mut fields = Vec::new();
        for _ in 0..choices.byte() % 6 {
            let kind = CK_PRF_DATA_TYPE::from(choices.byte() % 7);
            let mut value = match kind {
                CK_SP800_108_KEY_HANDLE => choices.one_of(&stage.keys).to_ne_bytes().to_vec(),
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

    fn mechanism(&self, kind: CK_MECHANISM_TYPE) -> CK_MECHANISM {
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
