//! What the fuzz targets share: a host of the library that keeps the one promise a host makes, that a pointer leads to
//! as many bytes as the length beside it says, and none other.

pub mod mechanism;

use std::path::Path;
use std::ptr::null_mut;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use cryptoki_sys::*;
use tempfile::TempDir;

/// The PINs of the tokens that are made here.
pub const PIN: &str = "123456";
const SO_PIN: &str = "87654321";

/// The functions of 3.2.
pub fn functions() -> &'static CK_FUNCTION_LIST_3_2 {
    let mut interface = null_mut();
    // SAFETY: the place is ours; the default interface is that of 3.2, and constant.
    unsafe {
        let rv = trien_pkcs11::C_GetInterface(null_mut(), null_mut(), &raw mut interface, 0);
        assert_eq!(rv, CKR_OK);
        &*(*interface).pFunctionList.cast::<CK_FUNCTION_LIST_3_2>()
    }
}

/// Calls a function of the list; what it answers may be anything that the standard has.
#[macro_export]
macro_rules! call {
    ($name:ident($($argument:expr),* $(,)?)) => {
        // SAFETY: the targets pass pointers to values of their own, with their lengths.
        $crate::known(unsafe { $crate::functions().$name.expect("every function is there")($($argument),*) })
    };
}

/// A return value that says nothing of the cause is a fault of ours: it is what a panic becomes.
pub fn known(rv: CK_RV) -> CK_RV {
    assert_ne!(rv, CKR_GENERAL_ERROR);
    rv
}

/// The folder of this process's tokens, gone with the process.
pub fn home() -> &'static Path {
    static HOME: OnceLock<TempDir> = OnceLock::new();
    let home = HOME.get_or_init(|| {
        let home = TempDir::new().expect("a folder for the tokens");
        // SAFETY: the first call comes before there is another thread.
        unsafe { std::env::set_var("TRIEN_HOME", home.path()) };
        home
    });
    home.path()
}

/// The library, initialised.
pub fn initialize() {
    home();
    let mut arguments = CK_C_INITIALIZE_ARGS {
        flags: CKF_OS_LOCKING_OK,
        ..Default::default()
    };
    assert_eq!(call!(C_Initialize((&raw mut arguments).cast())), CKR_OK);
}

/// A session with a new or emptied token, the user logged in. Handles of before are void.
pub fn session() -> CK_SESSION_HANDLE {
    let mut count = 0;
    assert_eq!(call!(C_GetSlotList(1, null_mut(), &raw mut count)), CKR_OK);
    let (so, user, mut label) = (SO_PIN.as_ptr().cast_mut(), PIN.as_ptr().cast_mut(), [b' '; 32]);
    assert_eq!(call!(C_CloseAllSessions(0)), CKR_OK);
    assert_eq!(call!(C_InitToken(0, so, 8, label.as_mut_ptr())), CKR_OK);
    let session = open();
    assert_eq!(call!(C_Login(session, CKU_SO, so, 8)), CKR_OK);
    assert_eq!(call!(C_InitPIN(session, user, 6)), CKR_OK);
    assert_eq!(call!(C_Logout(session)), CKR_OK);
    assert_eq!(call!(C_Login(session, CKU_USER, user, 6)), CKR_OK);
    session
}

/// Destroys what an input has made. What a template forbids to destroy stays, until the token is made anew.
pub fn destroy(session: CK_SESSION_HANDLE, object: CK_OBJECT_HANDLE) {
    if call!(C_DestroyObject(session, object)) != CKR_OK {
        LEFT.fetch_add(1, Ordering::Relaxed);
    }
}

/// Whether so much has stayed that a new token is worth its time.
pub fn is_full() -> bool {
    let is_full = LEFT.load(Ordering::Relaxed) >= 64;
    if is_full {
        LEFT.store(0, Ordering::Relaxed);
    }
    is_full
}

static LEFT: AtomicUsize = AtomicUsize::new(0);

/// A read/write session with the first token.
pub fn open() -> CK_SESSION_HANDLE {
    let (flags, mut session) = (CKF_SERIAL_SESSION | CKF_RW_SESSION, 0);
    assert_eq!(call!(C_OpenSession(0, flags, null_mut(), None, &raw mut session)), CKR_OK);
    session
}

/// Reads the fuzzer's bytes as decisions. After the last of them every decision is zero.
pub struct Choices<'a>(&'a [u8]);

impl<'a> Choices<'a> {
    pub fn new(data: &'a [u8]) -> Self {
        Self(data)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    /// One of several.
    pub fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[usize::from(self.byte()) % all.len()]
    }

    /// A number: mostly a small one, sometimes any.
    pub fn number(&mut self) -> CK_ULONG {
        match self.byte() {
            small @ 0..0xf0 => CK_ULONG::from(small),
            0xf0..0xf8 => CK_ULONG::from(self.byte()) << 8 | CK_ULONG::from(self.byte()),
            0xf8..0xfc => CK_ULONG::MAX - CK_ULONG::from(self.byte()),
            _ => self.bytes(8).iter().fold(0, |number, byte| number << 8 | CK_ULONG::from(*byte)),
        }
    }

    /// At most so many bytes.
    pub fn bytes(&mut self, most: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(most.min(self.0.len()));
        self.0 = rest;
        taken
    }

    /// Some bytes, their number being a decision too.
    pub fn some(&mut self) -> &'a [u8] {
        let len = usize::from(self.byte());
        self.bytes(len)
    }
}

/// A template with its values.
pub struct Template {
    attributes: Vec<CK_ATTRIBUTE>,
    _values: Vec<Vec<u8>>,
    _nested: Vec<Template>,
}

/// The attributes whose value is a template.
const NESTED: [CK_ATTRIBUTE_TYPE; 3] = [CKA_WRAP_TEMPLATE, CKA_UNWRAP_TEMPLATE, CKA_DERIVE_TEMPLATE];

impl Template {
    pub fn read(choices: &mut Choices<'_>, depth: usize) -> Self {
        let mut template = Self {
            attributes: Vec::new(),
            _values: Vec::new(),
            _nested: Vec::new(),
        };
        for _ in 0..choices.byte() % 24 {
            let kind = match choices.byte() {
                0xff => choices.number(),
                known => ATTRIBUTES[usize::from(known) % ATTRIBUTES.len()],
            };
            if NESTED.contains(&kind) {
                let mut nested = if depth < 3 { Self::read(choices, depth + 1) } else { continue };
                let len = nested.attributes.len() * size_of::<CK_ATTRIBUTE>();
                let pointer = nested.attributes.as_mut_ptr().cast();
                template.push(kind, pointer, len);
                template._nested.push(nested);
                continue;
            }
            let mut value = match choices.byte() % 4 {
                0 => vec![choices.byte() & 1],
                1 => choices.number().to_ne_bytes().to_vec(),
                _ => choices.some().to_vec(),
            };
            template.push(kind, value.as_mut_ptr().cast(), value.len());
            template._values.push(value);
        }
        template
    }

    fn push(&mut self, kind: CK_ATTRIBUTE_TYPE, pointer: CK_VOID_PTR, len: usize) {
        self.attributes.push(CK_ATTRIBUTE {
            type_: kind,
            pValue: pointer,
            ulValueLen: len as CK_ULONG,
        });
    }

    pub fn pointer(&mut self) -> *mut CK_ATTRIBUTE {
        self.attributes.as_mut_ptr()
    }

    pub fn count(&self) -> CK_ULONG {
        self.attributes.len() as CK_ULONG
    }
}

/// Every attribute that a rule of the token names, and a few that none does.
pub const ATTRIBUTES: &[CK_ATTRIBUTE_TYPE] = &[
    CKA_CLASS, CKA_TOKEN, CKA_PRIVATE, CKA_LABEL, CKA_UNIQUE_ID, CKA_APPLICATION, CKA_VALUE, CKA_OBJECT_ID,
    CKA_CERTIFICATE_TYPE, CKA_ISSUER, CKA_SERIAL_NUMBER, CKA_TRUSTED, CKA_CERTIFICATE_CATEGORY, CKA_URL,
    CKA_HASH_OF_SUBJECT_PUBLIC_KEY, CKA_NAME_HASH_ALGORITHM, CKA_CHECK_VALUE, CKA_KEY_TYPE, CKA_SUBJECT, CKA_ID,
    CKA_SENSITIVE, CKA_ENCRYPT, CKA_DECRYPT, CKA_WRAP, CKA_UNWRAP, CKA_SIGN, CKA_SIGN_RECOVER, CKA_VERIFY,
    CKA_VERIFY_RECOVER, CKA_DERIVE, CKA_START_DATE, CKA_END_DATE, CKA_MODULUS, CKA_MODULUS_BITS, CKA_PUBLIC_EXPONENT,
    CKA_PRIVATE_EXPONENT, CKA_PRIME_1, CKA_PRIME_2, CKA_EXPONENT_1, CKA_EXPONENT_2, CKA_COEFFICIENT,
    CKA_PUBLIC_KEY_INFO, CKA_VALUE_LEN, CKA_EXTRACTABLE, CKA_LOCAL, CKA_NEVER_EXTRACTABLE, CKA_ALWAYS_SENSITIVE,
    CKA_KEY_GEN_MECHANISM, CKA_MODIFIABLE, CKA_COPYABLE, CKA_DESTROYABLE, CKA_EC_PARAMS, CKA_EC_POINT,
    CKA_ALWAYS_AUTHENTICATE, CKA_WRAP_WITH_TRUSTED, CKA_WRAP_TEMPLATE, CKA_UNWRAP_TEMPLATE, CKA_DERIVE_TEMPLATE,
    CKA_ALLOWED_MECHANISMS, CKA_PARAMETER_SET, CKA_SEED, CKA_ENCAPSULATE, CKA_DECAPSULATE, CKA_PROFILE_ID, CKA_PRIME,
];
