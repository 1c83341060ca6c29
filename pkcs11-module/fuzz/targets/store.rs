//! Store files: a token whose database, or try counter, was written over in any places, or cut, or is any bytes.
#![no_main]

use std::fs;
use std::path::PathBuf;
use std::ptr::null_mut;
use std::sync::OnceLock;

use cryptoki_sys::*;
use libfuzzer_sys::fuzz_target;
use trien_pkcs11_fuzz::{Choices, PIN, call, home, initialize, session};

/// The token's files as they were written, by name.
static SOUND: OnceLock<(PathBuf, Vec<(String, Vec<u8>)>)> = OnceLock::new();

/// A login costs a key derivation, so few inputs are worth one.
const LOGIN: u8 = 0xfe;

fuzz_target!(|data: &[u8]| {
    let (folder, sound) = SOUND.get_or_init(token);
    let mut choices = Choices::new(data);
    let logs_in = choices.byte() >= LOGIN;
    let damaged = usize::from(choices.byte()) % sound.len();
    for (i, (name, body)) in sound.iter().enumerate() {
        let body = if i == damaged { damage(body, &mut choices) } else { body.clone() };
        fs::write(folder.join(name), body).expect("the folder may be written");
    }
    look(logs_in);
});

/// A token with two objects, closed.
fn token() -> (PathBuf, Vec<(String, Vec<u8>)>) {
    initialize();
    let session = session();
    for private in [0_u8, 1] {
        let class = CKO_DATA.to_ne_bytes();
        let value = [private; 64];
        let mut template = [
            attribute(CKA_CLASS, &class),
            attribute(CKA_TOKEN, &[1]),
            attribute(CKA_PRIVATE, std::slice::from_ref(&value[0])),
            attribute(CKA_VALUE, &value),
        ];
        let mut object = 0;
        assert_eq!(call!(C_CreateObject(session, template.as_mut_ptr(), 4, &raw mut object)), CKR_OK);
    }
    assert_eq!(call!(C_Finalize(null_mut())), CKR_OK);
    let tokens = home().join("data").join("tokens");
    let folder = fs::read_dir(tokens).expect("a folder of tokens").next().expect("one token").expect("it").path();
    let mut files: Vec<_> = fs::read_dir(&folder)
        .expect("the token's folder")
        .map(|entry| {
            let entry = entry.expect("a file");
            (entry.file_name().into_string().expect("a name"), fs::read(entry.path()).expect("its bytes"))
        })
        .collect();
    files.sort();
    (folder, files)
}

fn attribute(kind: CK_ATTRIBUTE_TYPE, value: &[u8]) -> CK_ATTRIBUTE {
    CK_ATTRIBUTE {
        type_: kind,
        pValue: value.as_ptr().cast_mut().cast(),
        ulValueLen: value.len() as CK_ULONG,
    }
}

fn damage(sound: &[u8], choices: &mut Choices<'_>) -> Vec<u8> {
    let place = |choices: &mut Choices<'_>| {
        let place = usize::from(choices.byte()) << 8 | usize::from(choices.byte());
        place % sound.len().max(1)
    };
    let mut body = sound.to_vec();
    match choices.byte() % 4 {
        0 => body.truncate(place(choices)),
        1 => body = choices.bytes(usize::MAX).to_vec(),
        _ => {
            while !choices.is_empty() && !body.is_empty() {
                let at = place(choices);
                body[at] ^= choices.byte();
            }
        }
    }
    body
}

/// Does what a host does with a token, to the end.
fn look(logs_in: bool) {
    assert_eq!(call!(C_Initialize(null_mut())), CKR_OK);
    let (mut slots, mut count) = ([0; 8], 8);
    call!(C_GetSlotList(1, slots.as_mut_ptr(), &raw mut count));
    let mut info = CK_TOKEN_INFO::default();
    call!(C_GetTokenInfo(0, &raw mut info));
    let mut session = 0;
    let flags = CKF_SERIAL_SESSION | CKF_RW_SESSION;
    if call!(C_OpenSession(0, flags, null_mut(), None, &raw mut session)) == CKR_OK {
        if logs_in {
            call!(C_Login(session, CKU_USER, PIN.as_ptr().cast_mut(), PIN.len() as CK_ULONG));
        }
        read_all(session);
    }
    assert_eq!(call!(C_Finalize(null_mut())), CKR_OK);
}

fn read_all(session: CK_SESSION_HANDLE) {
    let (mut found, mut count) = ([0; 64], 0);
    if call!(C_FindObjectsInit(session, null_mut(), 0)) != CKR_OK {
        return;
    }
    call!(C_FindObjects(session, found.as_mut_ptr(), 64, &raw mut count));
    call!(C_FindObjectsFinal(session));
    for &object in &found[..count as usize] {
        let mut value = [0_u8; 64];
        let mut asked = attribute(CKA_VALUE, &value);
        asked.pValue = value.as_mut_ptr().cast();
        let told = call!(C_GetAttributeValue(session, object, &raw mut asked, 1));
        // Damage is told; a value that is told is one that was written.
        assert!(told != CKR_OK || value == [0; 64] || value == [1; 64]);
    }
}
