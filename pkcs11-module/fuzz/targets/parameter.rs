//! Mechanism parameters: every mechanism of the token is begun with every key and any parameter, and fed.
#![no_main]

use std::ptr::null_mut;
use std::sync::Mutex;

use cryptoki_sys::*;
use libfuzzer_sys::fuzz_target;
use trien_pkcs11_fuzz::mechanism::Parameter;
use trien_pkcs11_fuzz::{Choices, Template, call, destroy, initialize, is_full, session};

/// Room for every output.
const ROOM: usize = 8192;

/// Every operation that may go on.
const EVERYTHING: CK_FLAGS = CKF_SIGN
    | CKF_VERIFY
    | CKF_ENCRYPT
    | CKF_DECRYPT
    | CKF_DIGEST
    | CKF_SIGN_RECOVER
    | CKF_VERIFY_RECOVER
    | CKF_MESSAGE_SIGN
    | CKF_MESSAGE_ENCRYPT
    | CKF_MESSAGE_DECRYPT;

/// The session of the runs, its keys, and the mechanisms of the token.
static STAGE: Mutex<Option<Stage>> = Mutex::new(None);

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
    let mut held = STAGE.lock().expect("a panic ends the fuzzer");
    if held.is_none() {
        initialize();
    }
    if is_full() {
        *held = None;
    }
    let stage = held.get_or_insert_with(Stage::new);
    let mut choices = Choices::new(data);
    let kind = choices.one_of(&stage.mechanisms);
    let key = choices.one_of(&stage.keys);
    stage.run(kind, key, &mut choices);
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
        keys.extend(pair(session, CKM_ML_KEM_KEY_PAIR_GEN, CKA_PARAMETER_SET, &CKP_ML_KEM_768.to_ne_bytes()));
        for (key_type, len) in [(CKK_AES, 16), (CKK_AES, 32), (CKK_GENERIC_SECRET, 20), (CKK_DES3, 24)] {
            keys.push(secret(session, key_type, len));
        }
        let (mut mechanisms, mut count) = (vec![0; 512], 512);
        assert_eq!(call!(C_GetMechanismList(0, mechanisms.as_mut_ptr(), &raw mut count)), CKR_OK);
        mechanisms.truncate(count as usize);
        Self { session, keys, mechanisms }
    }

    fn run(&self, kind: CK_MECHANISM_TYPE, key: CK_OBJECT_HANDLE, choices: &mut Choices<'_>) {
        let session = self.session;
        let what = choices.byte() % 18;
        let parameter = Parameter::read(kind, choices, &self.keys);
        let mut mechanism = parameter.mechanism(kind);
        let mechanism = &raw mut mechanism;
        let (mut out, mut len) = (vec![0_u8; ROOM], ROOM as CK_ULONG);
        let mut data = choices.some().to_vec();
        let (bytes, count) = (data.as_mut_ptr(), data.len() as CK_ULONG);
        let mut handle = 0;
        let mut template = Template::read(choices, 0);
        let (list, attributes) = (template.pointer(), template.count());
        let (out, len) = (out.as_mut_ptr(), &raw mut len);
        let begun = match what {
            0 => call!(C_SignInit(session, mechanism, key)),
            1 => call!(C_VerifyInit(session, mechanism, key)),
            2 => call!(C_EncryptInit(session, mechanism, key)),
            3 => call!(C_DecryptInit(session, mechanism, key)),
            4 => call!(C_DigestInit(session, mechanism)),
            5 => call!(C_MessageEncryptInit(session, mechanism, key)),
            6 => call!(C_MessageDecryptInit(session, mechanism, key)),
            7 => call!(C_SignRecoverInit(session, mechanism, key)),
            8 => call!(C_VerifyRecoverInit(session, mechanism, key)),
            9 => call!(C_MessageSignInit(session, mechanism, key)),
            10 => call!(C_WrapKey(session, mechanism, key, choices.one_of(&self.keys), out, len)),
            11 => call!(C_UnwrapKey(session, mechanism, key, bytes, count, list, attributes, &raw mut handle)),
            12 => call!(C_DeriveKey(session, mechanism, key, list, attributes, &raw mut handle)),
            13 => call!(C_GenerateKey(session, mechanism, list, attributes, &raw mut handle)),
            14 => call!(C_EncapsulateKey(session, mechanism, key, list, attributes, out, len, &raw mut handle)),
            15 => {
                let other = choices.one_of(&self.keys);
                call!(C_WrapKeyAuthenticated(session, mechanism, key, other, bytes, count, out, len))
            }
            16 => call!(C_UnwrapKeyAuthenticated(
                session, mechanism, key, bytes, count, list, attributes, null_mut(), 0, &raw mut handle
            )),
            _ => call!(C_DecapsulateKey(session, mechanism, key, list, attributes, bytes, count, &raw mut handle)),
        };
        if begun == CKR_OK {
            match what {
                0..5 => feed(session, what, choices.byte() & 1 != 0, [bytes, out], count),
                5..7 => message(session, what == 5, choices, [bytes, out], count),
                7 => drop(call!(C_SignRecover(session, bytes, count, out, len))),
                8 => drop(call!(C_VerifyRecover(session, bytes, count, out, len))),
                9 => drop(call!(C_SignMessage(session, null_mut(), 0, bytes, count, out, len))),
                _ => {}
            }
        }
        for made in parameter.told().chain([handle]).filter(|made| *made != 0) {
            destroy(session, made);
        }
        // Whatever goes on ends here, or the next input would meet it.
        assert_eq!(call!(C_SessionCancel(session, EVERYTHING)), CKR_OK);
    }
}

/// One message after another, in one piece or in parts.
fn message(session: CK_SESSION_HANDLE, encrypts: bool, choices: &mut Choices<'_>, [data, out]: [*mut u8; 2], count: CK_ULONG) {
    for _ in 0..2 {
        let mut parameter = Parameter::message(choices);
        let (place, place_len) = parameter.place();
        let mut additional = choices.some().to_vec();
        let (aad, aad_len) = (additional.as_mut_ptr(), additional.len() as CK_ULONG);
        let mut len = ROOM as CK_ULONG;
        let len = &raw mut len;
        let last = CK_FLAGS::from(choices.byte() & 1);
        match (encrypts, choices.byte() & 1 == 0) {
            (true, true) => {
                call!(C_EncryptMessage(session, place, place_len, aad, aad_len, data, count, out, len));
            }
            (false, true) => {
                call!(C_DecryptMessage(session, place, place_len, aad, aad_len, data, count, out, len));
            }
            (true, false) => {
                call!(C_EncryptMessageBegin(session, place, place_len, aad, aad_len));
                call!(C_EncryptMessageNext(session, place, place_len, data, count, out, len, last));
            }
            (false, false) => {
                call!(C_DecryptMessageBegin(session, place, place_len, aad, aad_len));
                call!(C_DecryptMessageNext(session, place, place_len, data, count, out, len, last));
            }
        }
    }
}

fn feed(session: CK_SESSION_HANDLE, what: u8, in_parts: bool, [data, out]: [*mut u8; 2], count: CK_ULONG) {
    let mut len = ROOM as CK_ULONG;
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

