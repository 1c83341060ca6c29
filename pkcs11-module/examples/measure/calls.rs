//! Any PKCS #11 module by its C functions: what a measurement calls, with nothing between it and the module.
//!
//! All unsafe code of this program is here. It rests on one thing: the pointers given to a module are those of local
//! values and slices that outlive the call, with their own lengths; a module that writes elsewhere is beyond help.
#![allow(unsafe_code)]
// CK_ULONG has 32 bits on some systems.
#![allow(clippy::useless_conversion)]

use std::ffi::{CString, c_void};
use std::fmt;
use std::path::Path;
use std::ptr::null_mut;

use cryptoki_sys::*;

/// Why there is no figure.
#[derive(Debug)]
pub(crate) enum Failed {
    /// A function and its return value.
    Call(&'static str, CK_RV),
    /// Anything else, in words.
    Because(String),
}

impl fmt::Display for Failed {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call(function, value) => write!(out, "{function} gave {value:#x}"),
            Self::Because(words) => out.write_str(words),
        }
    }
}

impl std::error::Error for Failed {}

impl From<std::io::Error> for Failed {
    fn from(error: std::io::Error) -> Self {
        Self::Because(error.to_string())
    }
}

pub(crate) type Result<T> = std::result::Result<T, Failed>;

/// Calls a function of a module with local values.
macro_rules! call {
    ($module:expr, $function:ident($($argument:expr),*)) => {{
        let absent = || Failed::Because(concat!("there is no ", stringify!($function)).into());
        let function = $module.functions.$function.ok_or_else(absent)?;
        // SAFETY: see the head of this file.
        match unsafe { function($($argument),*) } {
            CKR_OK => Ok(()),
            value => Err(Failed::Call(stringify!($function), value)),
        }
    }};
}

/// A module, loaded and never unloaded: what some do at their end is not ours to measure.
pub(crate) struct Module {
    functions: CK_FUNCTION_LIST,
}

/// NSS takes a string of its own in a longer structure of arguments, with the folder of its database in it.
#[repr(C)]
struct NssArguments {
    arguments: [*mut c_void; 4],
    flags: CK_FLAGS,
    parameters: *const std::ffi::c_char,
    reserved: *mut c_void,
}

impl Module {
    /// Loads a module.
    pub(crate) fn load(path: &Path) -> Result<Self> {
        // SAFETY: running the initialisers of the module that the caller names is what is asked for.
        let library = unsafe { Pkcs11::new(path) }
            .map_err(|error| Failed::Because(format!("{}: {error}", path.display())))?;
        let library = Box::leak(Box::new(library));
        let mut list = null_mut();
        // SAFETY: room for one pointer.
        let value = unsafe { library.C_GetFunctionList(&raw mut list) };
        if value != CKR_OK || list.is_null() {
            return Err(Failed::Call("C_GetFunctionList", value));
        }
        // SAFETY: the module gives a list that lives as long as it is loaded; every version's begins with this one.
        let functions = unsafe { list.read() };
        Ok(Self { functions })
    }

    /// `C_Initialize` for many threads; `nss` is the string that NSS wants.
    pub(crate) fn initialize(&self, nss: Option<&str>) -> Result<()> {
        let Some(nss) = nss else {
            let mut arguments = CK_C_INITIALIZE_ARGS {
                flags: CKF_OS_LOCKING_OK,
                ..Default::default()
            };
            return call!(self, C_Initialize((&raw mut arguments).cast()));
        };
        let parameters = CString::new(nss).map_err(|_| Failed::Because("NUL in parameters".into()))?;
        let mut arguments = NssArguments {
            arguments: [null_mut(); 4],
            flags: CKF_OS_LOCKING_OK,
            parameters: parameters.as_ptr(),
            reserved: null_mut(),
        };
        call!(self, C_Initialize((&raw mut arguments).cast()))
    }

    /// The slot of the initialised token with this label.
    pub(crate) fn slot(&self, label: &str) -> Result<CK_SLOT_ID> {
        let mut count = 0;
        call!(self, C_GetSlotList(CK_TRUE, null_mut(), &raw mut count))?;
        let mut slots = vec![0; count as usize];
        call!(self, C_GetSlotList(CK_TRUE, slots.as_mut_ptr(), &raw mut count))?;
        for slot in slots {
            let mut token = CK_TOKEN_INFO::default();
            let told = call!(self, C_GetTokenInfo(slot, &raw mut token));
            if told.is_ok() && String::from_utf8_lossy(&token.label).trim_end() == label {
                return Ok(slot);
            }
        }
        Err(Failed::Because(format!("there is no token {label}")))
    }

    /// Opens a session that may write.
    pub(crate) fn open(&self, slot: CK_SLOT_ID) -> Result<Session<'_>> {
        let mut handle = 0;
        call!(
            self,
            C_OpenSession(
                slot,
                CKF_SERIAL_SESSION | CKF_RW_SESSION,
                null_mut(),
                None,
                &raw mut handle
            )
        )?;
        Ok(Session { module: self, handle })
    }
}

/// A key pair to be made on the token.
#[derive(Debug, Clone, Copy)]
pub(crate) enum KeyKind {
    /// RSA with a modulus of so many bits.
    Rsa(u16),
    /// An elliptic curve by its parameters, the DER of a named curve, and the mechanism that makes its keys.
    Curve(&'static [u8], CK_MECHANISM_TYPE),
}

/// The handles of a key pair.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pair {
    pub(crate) public: CK_OBJECT_HANDLE,
    pub(crate) private: CK_OBJECT_HANDLE,
}

/// An open session.
pub(crate) struct Session<'a> {
    module: &'a Module,
    handle: CK_SESSION_HANDLE,
}

impl Session<'_> {
    /// `C_Login` of the user.
    pub(crate) fn login(&self, pin: &str) -> Result<()> {
        call!(
            self.module,
            C_Login(
                self.handle,
                CKU_USER,
                pin.as_ptr().cast_mut(),
                length(pin.as_bytes())
            )
        )
    }

    /// Makes a key pair on the token; its private half signs and never leaves.
    pub(crate) fn generate_pair(&self, kind: KeyKind) -> Result<Pair> {
        let (bits, parameters, mechanism) = match kind {
            KeyKind::Rsa(bits) => (CK_ULONG::from(bits), &[][..], CKM_RSA_PKCS_KEY_PAIR_GEN),
            KeyKind::Curve(parameters, mechanism) => (0, parameters, mechanism),
        };
        let id = [parameters.len() as u8, (bits >> 8) as u8];
        let mut public = vec![
            value(CKA_TOKEN, &CK_TRUE),
            value(CKA_VERIFY, &CK_TRUE),
            bytes(CKA_ID, &id),
        ];
        match kind {
            KeyKind::Rsa(_) => {
                public.push(value(CKA_MODULUS_BITS, &bits));
                public.push(bytes(CKA_PUBLIC_EXPONENT, &[1, 0, 1]));
            }
            KeyKind::Curve(..) => public.push(bytes(CKA_EC_PARAMS, parameters)),
        }
        let mut private = [
            value(CKA_TOKEN, &CK_TRUE),
            value(CKA_PRIVATE, &CK_TRUE),
            value(CKA_SENSITIVE, &CK_TRUE),
            value(CKA_SIGN, &CK_TRUE),
            bytes(CKA_ID, &id),
        ];
        let mut mechanism = plain(mechanism);
        let mut pair = Pair {
            public: 0,
            private: 0,
        };
        call!(
            self.module,
            C_GenerateKeyPair(
                self.handle,
                &raw mut mechanism,
                public.as_mut_ptr(),
                public.len() as CK_ULONG,
                private.as_mut_ptr(),
                private.len() as CK_ULONG,
                &raw mut pair.public,
                &raw mut pair.private
            )
        )?;
        Ok(pair)
    }

    /// `C_SignInit` and `C_Sign`; gives the length of the signature in `out`.
    pub(crate) fn sign(
        &self,
        mechanism: CK_MECHANISM_TYPE,
        key: CK_OBJECT_HANDLE,
        data: &[u8],
        out: &mut [u8],
    ) -> Result<usize> {
        let (mut mechanism, mut written) = (plain(mechanism), length(out));
        call!(self.module, C_SignInit(self.handle, &raw mut mechanism, key))?;
        call!(
            self.module,
            C_Sign(
                self.handle,
                data.as_ptr().cast_mut(),
                length(data),
                out.as_mut_ptr(),
                &raw mut written
            )
        )?;
        Ok(written as usize)
    }

    /// `C_VerifyInit` and `C_Verify`.
    pub(crate) fn verify(
        &self,
        mechanism: CK_MECHANISM_TYPE,
        key: CK_OBJECT_HANDLE,
        data: &[u8],
        signature: &[u8],
    ) -> Result<()> {
        let mut mechanism = plain(mechanism);
        call!(self.module, C_VerifyInit(self.handle, &raw mut mechanism, key))?;
        call!(
            self.module,
            C_Verify(
                self.handle,
                data.as_ptr().cast_mut(),
                length(data),
                signature.as_ptr().cast_mut(),
                length(signature)
            )
        )
    }

    /// `C_DigestInit` and `C_Digest`.
    pub(crate) fn digest(&self, mechanism: CK_MECHANISM_TYPE, data: &[u8], out: &mut [u8]) -> Result<()> {
        let (mut mechanism, mut written) = (plain(mechanism), length(out));
        call!(self.module, C_DigestInit(self.handle, &raw mut mechanism))?;
        call!(
            self.module,
            C_Digest(
                self.handle,
                data.as_ptr().cast_mut(),
                length(data),
                out.as_mut_ptr(),
                &raw mut written
            )
        )
    }

    /// An AES-256 key of the session.
    pub(crate) fn generate_aes(&self) -> Result<CK_OBJECT_HANDLE> {
        let mut template = [
            value(CKA_TOKEN, &CK_FALSE),
            value(CKA_ENCRYPT, &CK_TRUE),
            value(CKA_DECRYPT, &CK_TRUE),
            value(CKA_VALUE_LEN, &const { 32 as CK_ULONG }),
        ];
        let (mut mechanism, mut key) = (plain(CKM_AES_KEY_GEN), 0);
        call!(
            self.module,
            C_GenerateKey(
                self.handle,
                &raw mut mechanism,
                template.as_mut_ptr(),
                template.len() as CK_ULONG,
                &raw mut key
            )
        )?;
        Ok(key)
    }

    /// `C_EncryptInit` and `C_Encrypt` with AES-GCM, 12 bytes of nonce and a tag of 16 bytes after the ciphertext.
    pub(crate) fn encrypt_gcm(
        &self,
        key: CK_OBJECT_HANDLE,
        nonce: &mut [u8; 12],
        data: &[u8],
        out: &mut [u8],
    ) -> Result<()> {
        let mut parameters = CK_GCM_PARAMS {
            pIv: nonce.as_mut_ptr(),
            ulIvLen: 12,
            ulIvBits: 96,
            pAAD: null_mut(),
            ulAADLen: 0,
            ulTagBits: 128,
        };
        let mut mechanism = CK_MECHANISM {
            mechanism: CKM_AES_GCM,
            pParameter: (&raw mut parameters).cast(),
            ulParameterLen: size_of::<CK_GCM_PARAMS>() as CK_ULONG,
        };
        let mut written = length(out);
        call!(self.module, C_EncryptInit(self.handle, &raw mut mechanism, key))?;
        call!(
            self.module,
            C_Encrypt(
                self.handle,
                data.as_ptr().cast_mut(),
                length(data),
                out.as_mut_ptr(),
                &raw mut written
            )
        )
    }

    /// Puts a private AES key with a `CKA_ID` of its own on the token.
    pub(crate) fn create_secret(&self, number: u32) -> Result<()> {
        let mut key = [0x5a; 32];
        key[..4].copy_from_slice(&number.to_be_bytes());
        let (id, label) = (number.to_be_bytes(), format!("key {number:08}"));
        let mut template = [
            value(CKA_CLASS, &CKO_SECRET_KEY),
            value(CKA_KEY_TYPE, &CKK_AES),
            value(CKA_TOKEN, &CK_TRUE),
            value(CKA_PRIVATE, &CK_TRUE),
            value(CKA_ENCRYPT, &CK_TRUE),
            value(CKA_DECRYPT, &CK_TRUE),
            bytes(CKA_VALUE, &key),
            bytes(CKA_ID, &id),
            bytes(CKA_LABEL, label.as_bytes()),
        ];
        let mut object = 0;
        call!(
            self.module,
            C_CreateObject(
                self.handle,
                template.as_mut_ptr(),
                template.len() as CK_ULONG,
                &raw mut object
            )
        )
    }

    /// Looks for the one key that [`Self::create_secret`] made with this number, by class and `CKA_ID`.
    pub(crate) fn find_secret(&self, number: u32) -> Result<()> {
        let id = number.to_be_bytes();
        let mut template = [value(CKA_CLASS, &CKO_SECRET_KEY), bytes(CKA_ID, &id)];
        let (mut found, mut count) = ([0; 4], 0);
        call!(
            self.module,
            C_FindObjectsInit(self.handle, template.as_mut_ptr(), template.len() as CK_ULONG)
        )?;
        call!(
            self.module,
            C_FindObjects(
                self.handle,
                found.as_mut_ptr(),
                found.len() as CK_ULONG,
                &raw mut count
            )
        )?;
        call!(self.module, C_FindObjectsFinal(self.handle))?;
        if count == 1 {
            Ok(())
        } else {
            Err(Failed::Because(format!("{count} keys have the id {number}")))
        }
    }

    /// The first private key for signatures with RSA, which the measurements of signatures have made.
    pub(crate) fn find_rsa(&self) -> Result<CK_OBJECT_HANDLE> {
        let mut template = [value(CKA_CLASS, &CKO_PRIVATE_KEY), value(CKA_KEY_TYPE, &CKK_RSA)];
        let (mut found, mut count) = ([0; 1], 0);
        call!(
            self.module,
            C_FindObjectsInit(self.handle, template.as_mut_ptr(), template.len() as CK_ULONG)
        )?;
        call!(
            self.module,
            C_FindObjects(self.handle, found.as_mut_ptr(), 1, &raw mut count)
        )?;
        call!(self.module, C_FindObjectsFinal(self.handle))?;
        if count == 1 {
            Ok(found[0])
        } else {
            Err(Failed::Because("there is no RSA key".into()))
        }
    }
}

/// A mechanism without a parameter.
fn plain(mechanism: CK_MECHANISM_TYPE) -> CK_MECHANISM {
    CK_MECHANISM {
        mechanism,
        pParameter: null_mut(),
        ulParameterLen: 0,
    }
}

fn value<T>(kind: CK_ATTRIBUTE_TYPE, value: &T) -> CK_ATTRIBUTE {
    CK_ATTRIBUTE {
        type_: kind,
        pValue: (&raw const *value).cast_mut().cast(),
        ulValueLen: size_of::<T>() as CK_ULONG,
    }
}

fn bytes(kind: CK_ATTRIBUTE_TYPE, value: &[u8]) -> CK_ATTRIBUTE {
    CK_ATTRIBUTE {
        type_: kind,
        pValue: value.as_ptr().cast_mut().cast(),
        ulValueLen: length(value),
    }
}

fn length(slice: &[u8]) -> CK_ULONG {
    slice.len() as CK_ULONG
}
