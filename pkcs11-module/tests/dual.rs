//! Dual-function operations (3.2, section 5.16): one part of data for two operations, compared with the same operations
//! called one after the other.

#![allow(unsafe_code)] // the C interface is what is tested
#![allow(clippy::unwrap_used)] // a test may fail

mod harness;

use std::ptr::null_mut;

use cryptoki_sys::*;
use harness::raw::ciphering::{Call, Way};
use harness::raw::since_3_2::functions;
use harness::raw::{Given, Library, bytes, number, yes};

/// Any of the four: they have the same arguments.
type Dual = unsafe extern "C" fn(CK_SESSION_HANDLE, *mut u8, CK_ULONG, *mut u8, *mut CK_ULONG) -> CK_RV;

/// Longer than some blocks, and no multiple of one.
const TEXT: &[u8] =
    "Căn cứ Nghị định số 23/2025/NĐ-CP quy định về chữ ký điện tử và dịch vụ tin cậy".as_bytes();

/// Ends of parts that make a block whole, leave it open, and go beyond it.
const ENDS: [usize; 5] = [16, 21, 22, 60, TEXT.len()];

const IV: [u8; 16] = [0x3c; 16];

fn secret(kind: CK_KEY_TYPE, uses: [CK_ATTRIBUTE_TYPE; 2]) -> Vec<Given> {
    vec![
        number(CKA_CLASS, CKO_SECRET_KEY),
        number(CKA_KEY_TYPE, kind),
        bytes(CKA_VALUE, &[7; 32]),
        yes(uses[0]),
        yes(uses[1]),
    ]
}

fn parts(whole: &[u8]) -> Vec<&[u8]> {
    let mut begin = 0;
    ENDS.into_iter()
        .chain([whole.len()])
        .map(|end| {
            let end = end.min(whole.len());
            let part = &whole[begin..end];
            begin = end;
            part
        })
        .filter(|part| !part.is_empty())
        .collect()
}

/// One call: what it answers, and the length it tells. Without room the buffer is NULL.
fn once(dual: Dual, session: CK_SESSION_HANDLE, part: &[u8], room: Option<&mut [u8]>) -> (CK_RV, usize) {
    let (out, mut length) = match room {
        Some(room) => (room.as_mut_ptr(), room.len() as CK_ULONG),
        None => (null_mut(), 0),
    };
    let (data, data_len) = (part.as_ptr().cast_mut(), part.len() as CK_ULONG);
    // SAFETY: the buffers are ours and as long as they are said to be.
    let rv = unsafe { dual(session, data, data_len, out, &raw mut length) };
    (rv, usize::try_from(length).unwrap())
}

/// All parts. Of each the length is asked, then too little room is offered, twice, and then as much as was asked for:
/// neither operation has taken the part before the output is there (5.2).
fn through(dual: Dual, session: CK_SESSION_HANDLE, whole: &[u8]) -> Vec<u8> {
    let mut all = Vec::new();
    for part in parts(whole) {
        let (rv, needed) = once(dual, session, part, None);
        assert_eq!(rv, CKR_OK);
        let mut out = vec![0x5a; needed];
        for short in [0, needed.saturating_sub(1)]
            .into_iter()
            .filter(|short| *short < needed)
        {
            let told = once(dual, session, part, Some(&mut out[..short]));
            assert_eq!(told, (CKR_BUFFER_TOO_SMALL, needed));
            assert!(out.iter().all(|byte| *byte == 0x5a), "nothing is written");
        }
        let (rv, length) = once(dual, session, part, Some(&mut out));
        assert_eq!(rv, CKR_OK);
        all.extend_from_slice(&out[..length]);
    }
    all
}

/// The end of the ciphering.
fn last(library: Library, session: CK_SESSION_HANDLE, way: Way) -> Vec<u8> {
    let (rv, room, _) = library.last(session, way, None);
    assert_eq!(rv, CKR_OK);
    let (rv, length, mut out) = library.last(session, way, Some(room));
    assert_eq!(rv, CKR_OK);
    out.truncate(length);
    out
}

struct Desk {
    library: Library,
    session: CK_SESSION_HANDLE,
    cipher: CK_OBJECT_HANDLE,
    mac: CK_OBJECT_HANDLE,
}

fn desk() -> Desk {
    let library = Library::initialized();
    let session = library.user_session();
    let create = |template: &[Given]| library.create(session, template).unwrap();
    Desk {
        library,
        session,
        cipher: create(&secret(CKK_AES, [CKA_ENCRYPT, CKA_DECRYPT])),
        mac: create(&secret(CKK_GENERIC_SECRET, [CKA_SIGN, CKA_VERIFY])),
    }
}

/// With padding and without, in blocks and as a stream.
fn ciphers() -> [Call; 2] {
    let mut block = IV;
    block[15] = 1;
    [Call::flat(CKM_AES_CBC_PAD, &IV), Call::counter(64, block)]
}

impl Desk {
    fn begin(&self, way: Way, with: &Call) {
        assert_eq!(self.library.begin(self.session, way, with, self.cipher), CKR_OK);
    }

    fn encrypted(&self, with: &Call) -> Vec<u8> {
        let Self {
            library,
            session,
            cipher,
            ..
        } = *self;
        library
            .at_once(session, Way::Encrypt, with, cipher, TEXT)
            .unwrap()
    }

    fn digest(&self) -> Vec<u8> {
        assert_eq!(self.library.digest_init(self.session, CKM_SHA256), CKR_OK);
        self.library.digest(self.session, TEXT).unwrap()
    }

    fn signature(&self) -> Vec<u8> {
        self.library
            .sign(self.session, CKM_SHA256_HMAC, self.mac, TEXT)
            .unwrap()
    }

    fn verify_init(&self) {
        let mut mechanism = CK_MECHANISM {
            mechanism: CKM_SHA256_HMAC,
            ..Default::default()
        };
        // SAFETY: the mechanism is ours.
        let rv = unsafe { functions().C_VerifyInit.unwrap()(self.session, &raw mut mechanism, self.mac) };
        assert_eq!(rv, CKR_OK);
    }

    fn verify_update(&self, part: &[u8]) {
        let (data, len) = (part.as_ptr().cast_mut(), part.len() as CK_ULONG);
        // SAFETY: the part is ours.
        let rv = unsafe { functions().C_VerifyUpdate.unwrap()(self.session, data, len) };
        assert_eq!(rv, CKR_OK);
    }

    fn verify_final(&self, signature: &[u8]) -> CK_RV {
        let (data, len) = (signature.as_ptr().cast_mut(), signature.len() as CK_ULONG);
        // SAFETY: the signature is ours.
        unsafe { functions().C_VerifyFinal.unwrap()(self.session, data, len) }
    }
}

alone! {
    fn one_part_is_digested_and_encrypted(_home) {
        let desk = desk();
        for cipher in ciphers() {
            let (expected, digest) = (desk.encrypted(&cipher), desk.digest());
            assert_eq!(desk.library.digest_init(desk.session, CKM_SHA256), CKR_OK);
            desk.begin(Way::Encrypt, &cipher);
            let mut made = through(functions().C_DigestEncryptUpdate.unwrap(), desk.session, TEXT);
            made.extend(last(desk.library, desk.session, Way::Encrypt));
            assert_eq!(made, expected);
            assert_eq!(desk.library.digest_final(desk.session), Ok(digest));
        }
    }

    /// What the padding holds back until `C_DecryptFinal` is digested by itself, as the standard's example does.
    fn one_part_is_decrypted_and_digested(_home) {
        let desk = desk();
        for cipher in ciphers() {
            let (encrypted, digest) = (desk.encrypted(&cipher), desk.digest());
            desk.begin(Way::Decrypt, &cipher);
            assert_eq!(desk.library.digest_init(desk.session, CKM_SHA256), CKR_OK);
            let mut read = through(functions().C_DecryptDigestUpdate.unwrap(), desk.session, &encrypted);
            let held_back = last(desk.library, desk.session, Way::Decrypt);
            if !held_back.is_empty() {
                assert_eq!(desk.library.digest_update(desk.session, &held_back), CKR_OK);
            }
            read.extend(held_back);
            assert_eq!(read, TEXT);
            assert_eq!(desk.library.digest_final(desk.session), Ok(digest));
        }
    }

    fn one_part_is_signed_and_encrypted(_home) {
        let desk = desk();
        for cipher in ciphers() {
            let (expected, signature) = (desk.encrypted(&cipher), desk.signature());
            assert_eq!(desk.library.sign_init(desk.session, CKM_SHA256_HMAC, desk.mac), CKR_OK);
            desk.begin(Way::Encrypt, &cipher);
            let mut made = through(functions().C_SignEncryptUpdate.unwrap(), desk.session, TEXT);
            made.extend(last(desk.library, desk.session, Way::Encrypt));
            assert_eq!(made, expected);
            assert_eq!(last(desk.library, desk.session, Way::Sign), signature);
        }
    }

    fn one_part_is_decrypted_and_verified(_home) {
        let desk = desk();
        for cipher in ciphers() {
            let (encrypted, signature) = (desk.encrypted(&cipher), desk.signature());
            let mut other = signature.clone();
            other[31] ^= 1;
            for (signature, verdict) in [(&signature, CKR_OK), (&other, CKR_SIGNATURE_INVALID)] {
                desk.begin(Way::Decrypt, &cipher);
                desk.verify_init();
                let mut read = through(functions().C_DecryptVerifyUpdate.unwrap(), desk.session, &encrypted);
                let held_back = last(desk.library, desk.session, Way::Decrypt);
                if !held_back.is_empty() {
                    desk.verify_update(&held_back);
                }
                read.extend(held_back);
                assert_eq!(read, TEXT);
                assert_eq!(desk.verify_final(signature), verdict);
            }
        }
    }

    /// Either operation alone is not enough, and goes on by itself.
    fn both_operations_have_to_be_there(_home) {
        let desk = desk();
        let Desk { library, session, .. } = desk;
        let [cipher, _] = ciphers();
        let dual = functions().C_DigestEncryptUpdate.unwrap();
        let mut out = [0; 64];
        let (expected, digest) = (desk.encrypted(&cipher), desk.digest());
        assert_eq!(library.digest_init(session, CKM_SHA256), CKR_OK);
        assert_eq!(once(dual, session, TEXT, Some(&mut out)).0, CKR_OPERATION_NOT_INITIALIZED);
        assert_eq!(library.digest_update(session, TEXT), CKR_OK);
        assert_eq!(library.digest_final(session), Ok(digest));
        desk.begin(Way::Encrypt, &cipher);
        assert_eq!(once(dual, session, TEXT, Some(&mut out)).0, CKR_OPERATION_NOT_INITIALIZED);
        let (rv, length, made) = library.part(session, Way::Encrypt, TEXT, Some(128));
        assert_eq!(rv, CKR_OK);
        assert_eq!([&made[..length], &last(library, session, Way::Encrypt)].concat(), expected);
    }

    /// A digest and a signature of one session never take each other's parts.
    fn a_third_operation_is_left_alone(_home) {
        let desk = desk();
        let Desk { library, session, .. } = desk;
        let [cipher, _] = ciphers();
        let (digest, signature) = (desk.digest(), desk.signature());
        assert_eq!(library.digest_init(session, CKM_SHA256), CKR_OK);
        assert_eq!(library.sign_init(session, CKM_SHA256_HMAC, desk.mac), CKR_OK);
        desk.begin(Way::Encrypt, &cipher);
        through(functions().C_SignEncryptUpdate.unwrap(), session, TEXT);
        assert_eq!(last(library, session, Way::Sign), signature);
        through(functions().C_DigestEncryptUpdate.unwrap(), session, TEXT);
        assert_eq!(library.digest_final(session), Ok(digest));
    }
}
