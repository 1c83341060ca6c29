//! Templates: objects and keys made, copied, changed, asked and found with any attributes.
#![no_main]

use std::ptr::null_mut;
use std::sync::Mutex;

use cryptoki_sys::*;
use libfuzzer_sys::fuzz_target;
use trien_pkcs11_fuzz::{ATTRIBUTES, Choices, Template, call, destroy, initialize, is_full, session};

/// The session of the runs.
static SESSION: Mutex<Option<CK_SESSION_HANDLE>> = Mutex::new(None);

/// Generations that are quick enough to be repeated.
const GENERATORS: [CK_MECHANISM_TYPE; 4] = [
    CKM_AES_KEY_GEN,
    CKM_GENERIC_SECRET_KEY_GEN,
    CKM_SHA256_KEY_GEN,
    CKM_HKDF_KEY_GEN,
];
const PAIRS: [CK_MECHANISM_TYPE; 4] = [
    CKM_EC_KEY_PAIR_GEN,
    CKM_EC_EDWARDS_KEY_PAIR_GEN,
    CKM_EC_MONTGOMERY_KEY_PAIR_GEN,
    CKM_ML_KEM_KEY_PAIR_GEN,
];

fuzz_target!(|data: &[u8]| {
    let mut held = SESSION.lock().expect("a panic ends the fuzzer");
    if held.is_none() {
        initialize();
    }
    if held.is_none() || is_full() {
        *held = Some(session());
    }
    let session = held.expect("just opened");
    let mut choices = Choices::new(data);
    let mut made = Vec::new();
    for _ in 0..8 {
        if choices.is_empty() {
            break;
        }
        step(session, &mut choices, &mut made);
    }
    for object in made {
        look(session, object);
        destroy(session, object);
    }
});

fn step(session: CK_SESSION_HANDLE, choices: &mut Choices<'_>, made: &mut Vec<CK_OBJECT_HANDLE>) {
    let mut object = 0;
    let what = choices.byte() % 6;
    let mut template = Template::read(choices, 0);
    let (list, count) = (template.pointer(), template.count());
    let last = made.last().copied().unwrap_or_default();
    let rv = match what {
        0 => call!(C_CreateObject(session, list, count, &raw mut object)),
        1 => call!(C_CopyObject(session, last, list, count, &raw mut object)),
        2 => call!(C_SetAttributeValue(session, last, list, count)),
        3 => find(session, list, count),
        4 => {
            let mut call = mechanism(choices.one_of(&GENERATORS));
            call!(C_GenerateKey(session, &raw mut call, list, count, &raw mut object))
        }
        _ => {
            let mut call = mechanism(choices.one_of(&PAIRS));
            let mut other = Template::read(choices, 0);
            let mut private = 0;
            let rv = call!(C_GenerateKeyPair(
                session,
                &raw mut call,
                list,
                count,
                other.pointer(),
                other.count(),
                &raw mut object,
                &raw mut private,
            ));
            if rv == CKR_OK {
                made.push(private);
            }
            rv
        }
    };
    if rv == CKR_OK && object != 0 {
        made.push(object);
    }
}

fn mechanism(kind: CK_MECHANISM_TYPE) -> CK_MECHANISM {
    CK_MECHANISM {
        mechanism: kind,
        ..Default::default()
    }
}

fn find(session: CK_SESSION_HANDLE, list: *mut CK_ATTRIBUTE, count: CK_ULONG) -> CK_RV {
    let (mut found, mut number) = ([0; 16], 0);
    let rv = call!(C_FindObjectsInit(session, list, count));
    if rv == CKR_OK {
        call!(C_FindObjects(session, found.as_mut_ptr(), 16, &raw mut number));
        assert_eq!(call!(C_FindObjectsFinal(session)), CKR_OK);
    }
    rv
}

/// Asks for everything, first the lengths, then the values.
fn look(session: CK_SESSION_HANDLE, object: CK_OBJECT_HANDLE) {
    for &kind in ATTRIBUTES {
        let mut asked = CK_ATTRIBUTE {
            type_: kind,
            pValue: null_mut(),
            ulValueLen: 0,
        };
        let told = call!(C_GetAttributeValue(session, object, &raw mut asked, 1));
        if told != CKR_OK || asked.ulValueLen > 1 << 20 {
            continue;
        }
        // A template that is told needs places for its own values: its length is enough here.
        if matches!(kind, CKA_WRAP_TEMPLATE | CKA_UNWRAP_TEMPLATE | CKA_DERIVE_TEMPLATE) {
            continue;
        }
        let mut value = vec![0_u8; asked.ulValueLen as usize];
        asked.pValue = value.as_mut_ptr().cast();
        let again = call!(C_GetAttributeValue(session, object, &raw mut asked, 1));
        assert_eq!((again, asked.ulValueLen as usize), (CKR_OK, value.len()));
    }
}
