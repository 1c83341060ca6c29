//! The C interface itself, for what the `cryptoki` crate cannot say: any flag, any type of user, any attribute.

#![allow(unsafe_code)] // the C interface is what is tested

pub(crate) mod ciphering;
pub(crate) mod deriving;
mod digesting;
pub(crate) mod since_3_2;

use std::ptr::null_mut;
use std::sync::{Mutex, OnceLock};

use cryptoki_sys::*;

use super::{PIN, SO_PIN, module};

/// The library under test, initialised.
#[derive(Clone, Copy)]
pub(crate) struct Library(pub(super) &'static CK_FUNCTION_LIST);

/// What a call refuses with.
pub(crate) type Result<T> = std::result::Result<T, CK_RV>;

/// An attribute of a template.
pub(crate) type Given = (CK_ATTRIBUTE_TYPE, Vec<u8>);

pub(crate) fn yes(kind: CK_ATTRIBUTE_TYPE) -> Given {
    (kind, vec![CK_TRUE])
}

pub(crate) fn no(kind: CK_ATTRIBUTE_TYPE) -> Given {
    (kind, vec![CK_FALSE])
}

pub(crate) fn number(kind: CK_ATTRIBUTE_TYPE, value: CK_ULONG) -> Given {
    (kind, value.to_ne_bytes().to_vec())
}

pub(crate) fn bytes(kind: CK_ATTRIBUTE_TYPE, value: &[u8]) -> Given {
    (kind, value.to_vec())
}

/// The values of templates in templates: arrays point to them, to the end of the test.
static KEPT: Mutex<Vec<Vec<Given>>> = Mutex::new(Vec::new());

/// An attribute that is a template.
pub(crate) fn template(kind: CK_ATTRIBUTE_TYPE, inner: Vec<Given>) -> Given {
    let list = array(&inner);
    KEPT.lock().unwrap().push(inner);
    let length = size_of_val(&list[..]);
    // SAFETY: an array of plain numbers and pointers, as long as it is.
    let raw = unsafe { std::slice::from_raw_parts(list.as_ptr().cast::<u8>(), length) };
    (kind, raw.to_vec())
}

/// What the library under test exports. It is never unloaded.
pub(crate) fn exports() -> &'static Pkcs11 {
    static EXPORTS: OnceLock<Pkcs11> = OnceLock::new();
    // SAFETY: the library under test is what the test has to trust.
    EXPORTS.get_or_init(|| unsafe { Pkcs11::new(module()) }.unwrap())
}

pub(super) fn answer<T>(rv: CK_RV, value: T) -> Result<T> {
    if rv == CKR_OK { Ok(value) } else { Err(rv) }
}

/// As the host's array; the values stay where the template has them.
pub(super) fn array(template: &[Given]) -> Vec<CK_ATTRIBUTE> {
    let attribute = |(kind, value): &Given| CK_ATTRIBUTE {
        type_: *kind,
        pValue: value.as_ptr().cast_mut().cast(),
        ulValueLen: value.len() as CK_ULONG,
    };
    template.iter().map(attribute).collect()
}

fn mechanism(kind: CK_MECHANISM_TYPE) -> CK_MECHANISM {
    CK_MECHANISM {
        mechanism: kind,
        ..Default::default()
    }
}

macro_rules! call {
    ($library:expr, $name:ident($($argument:expr),*)) => {
        // SAFETY: the methods pass pointers to values of their own, or NULL.
        unsafe { $library.0.$name.expect(stringify!($name))($($argument),*) }
    };
}

impl Library {
    /// Loads the library, not initialised.
    pub(crate) fn load() -> Self {
        let mut list = null_mut();
        // SAFETY: the place is ours, and what the library hands out there is constant.
        unsafe {
            assert_eq!(exports().C_GetFunctionList(&raw mut list), CKR_OK);
            Self(&*list)
        }
    }

    pub(crate) fn initialized() -> Self {
        let library = Self::load();
        assert_eq!(library.initialize(), CKR_OK);
        library
    }

    pub(crate) fn initialize(self) -> CK_RV {
        let mut arguments = CK_C_INITIALIZE_ARGS {
            flags: CKF_OS_LOCKING_OK,
            ..Default::default()
        };
        call!(self, C_Initialize((&raw mut arguments).cast()))
    }

    pub(crate) fn finalize(self) -> CK_RV {
        call!(self, C_Finalize(null_mut()))
    }

    pub(crate) fn slots(self) -> Vec<CK_SLOT_ID> {
        let (mut slots, mut count) = ([0; 64], 0);
        assert_eq!(call!(self, C_GetSlotList(1, null_mut(), &raw mut count)), CKR_OK);
        assert_eq!(
            call!(self, C_GetSlotList(1, slots.as_mut_ptr(), &raw mut count)),
            CKR_OK
        );
        slots[..usize::try_from(count).unwrap()].to_vec()
    }

    pub(crate) fn wait_for_slot_event(self, flags: CK_FLAGS) -> Result<CK_SLOT_ID> {
        let mut slot = 0;
        answer(
            call!(self, C_WaitForSlotEvent(flags, &raw mut slot, null_mut())),
            slot,
        )
    }

    pub(crate) fn slot_info(self, slot: CK_SLOT_ID) -> Result<CK_SLOT_INFO> {
        let mut info = CK_SLOT_INFO::default();
        answer(call!(self, C_GetSlotInfo(slot, &raw mut info)), info)
    }

    pub(crate) fn token_info(self, slot: CK_SLOT_ID) -> Result<CK_TOKEN_INFO> {
        let mut info = CK_TOKEN_INFO::default();
        answer(call!(self, C_GetTokenInfo(slot, &raw mut info)), info)
    }

    pub(crate) fn init_token(self, slot: CK_SLOT_ID, pin: &str) -> CK_RV {
        let mut label = [b' '; 32];
        call!(
            self,
            C_InitToken(
                slot,
                pin.as_ptr().cast_mut(),
                pin.len() as CK_ULONG,
                label.as_mut_ptr()
            )
        )
    }

    /// A token with both PINs in the last slot; no session is left.
    pub(crate) fn new_token(self) -> CK_SLOT_ID {
        if super::is_ready() {
            return self.slots()[0];
        }
        let slot = *self.slots().last().unwrap();
        assert_eq!(self.init_token(slot, SO_PIN), CKR_OK);
        let session = self.open(slot, CKF_RW_SESSION).unwrap();
        assert_eq!(self.login(session, CKU_SO, SO_PIN), CKR_OK);
        assert_eq!(self.init_pin(session, PIN), CKR_OK);
        assert_eq!(self.close(session), CKR_OK);
        slot
    }

    /// A read/write session with a new token, the user logged in.
    pub(crate) fn user_session(self) -> CK_SESSION_HANDLE {
        let session = self.open(self.new_token(), CKF_RW_SESSION).unwrap();
        assert_eq!(self.login(session, CKU_USER, PIN), CKR_OK);
        session
    }

    pub(crate) fn open(self, slot: CK_SLOT_ID, flags: CK_FLAGS) -> Result<CK_SESSION_HANDLE> {
        self.open_with(slot, flags | CKF_SERIAL_SESSION)
    }

    pub(crate) fn open_with(self, slot: CK_SLOT_ID, flags: CK_FLAGS) -> Result<CK_SESSION_HANDLE> {
        let mut session = 0;
        let rv = call!(
            self,
            C_OpenSession(slot, flags, null_mut(), None, &raw mut session)
        );
        answer(rv, session)
    }

    pub(crate) fn close(self, session: CK_SESSION_HANDLE) -> CK_RV {
        call!(self, C_CloseSession(session))
    }

    pub(crate) fn close_all(self, slot: CK_SLOT_ID) -> CK_RV {
        call!(self, C_CloseAllSessions(slot))
    }

    pub(crate) fn session_info(self, session: CK_SESSION_HANDLE) -> Result<CK_SESSION_INFO> {
        let mut info = CK_SESSION_INFO::default();
        answer(call!(self, C_GetSessionInfo(session, &raw mut info)), info)
    }

    pub(crate) fn login(self, session: CK_SESSION_HANDLE, user: CK_USER_TYPE, pin: &str) -> CK_RV {
        call!(
            self,
            C_Login(session, user, pin.as_ptr().cast_mut(), pin.len() as CK_ULONG)
        )
    }

    pub(crate) fn logout(self, session: CK_SESSION_HANDLE) -> CK_RV {
        call!(self, C_Logout(session))
    }

    pub(crate) fn init_pin(self, session: CK_SESSION_HANDLE, pin: &str) -> CK_RV {
        call!(
            self,
            C_InitPIN(session, pin.as_ptr().cast_mut(), pin.len() as CK_ULONG)
        )
    }

    pub(crate) fn set_pin(self, session: CK_SESSION_HANDLE, old: &str, new: &str) -> CK_RV {
        let (old_len, new_len) = (old.len() as CK_ULONG, new.len() as CK_ULONG);
        call!(
            self,
            C_SetPIN(
                session,
                old.as_ptr().cast_mut(),
                old_len,
                new.as_ptr().cast_mut(),
                new_len
            )
        )
    }

    pub(crate) fn create(self, session: CK_SESSION_HANDLE, template: &[Given]) -> Result<CK_OBJECT_HANDLE> {
        let (mut list, mut object) = (array(template), 0);
        let rv = call!(
            self,
            C_CreateObject(
                session,
                list.as_mut_ptr(),
                list.len() as CK_ULONG,
                &raw mut object
            )
        );
        answer(rv, object)
    }

    pub(crate) fn copy(
        self,
        session: CK_SESSION_HANDLE,
        source: CK_OBJECT_HANDLE,
        template: &[Given],
    ) -> Result<CK_OBJECT_HANDLE> {
        let (mut list, mut object) = (array(template), 0);
        let count = list.len() as CK_ULONG;
        let rv = call!(
            self,
            C_CopyObject(session, source, list.as_mut_ptr(), count, &raw mut object)
        );
        answer(rv, object)
    }

    pub(crate) fn destroy(self, session: CK_SESSION_HANDLE, object: CK_OBJECT_HANDLE) -> CK_RV {
        call!(self, C_DestroyObject(session, object))
    }

    pub(crate) fn object_size(
        self,
        session: CK_SESSION_HANDLE,
        object: CK_OBJECT_HANDLE,
    ) -> Result<CK_ULONG> {
        let mut size = 0;
        answer(call!(self, C_GetObjectSize(session, object, &raw mut size)), size)
    }

    pub(crate) fn set(
        self,
        session: CK_SESSION_HANDLE,
        object: CK_OBJECT_HANDLE,
        template: &[Given],
    ) -> CK_RV {
        let mut list = array(template);
        let count = list.len() as CK_ULONG;
        call!(
            self,
            C_SetAttributeValue(session, object, list.as_mut_ptr(), count)
        )
    }

    /// One attribute's value.
    pub(crate) fn get(
        self,
        session: CK_SESSION_HANDLE,
        object: CK_OBJECT_HANDLE,
        kind: CK_ATTRIBUTE_TYPE,
    ) -> Result<Vec<u8>> {
        let mut value = vec![0_u8; 8192];
        let mut asked = [CK_ATTRIBUTE {
            type_: kind,
            pValue: value.as_mut_ptr().cast(),
            ulValueLen: 8192,
        }];
        let rv = call!(self, C_GetAttributeValue(session, object, asked.as_mut_ptr(), 1));
        answer(rv, ())?;
        value.truncate(usize::try_from(asked[0].ulValueLen).unwrap());
        Ok(value)
    }

    /// The attributes of a template that an attribute is, by the three calls of section 5.7.5.
    pub(crate) fn get_template(
        self,
        session: CK_SESSION_HANDLE,
        object: CK_OBJECT_HANDLE,
        kind: CK_ATTRIBUTE_TYPE,
    ) -> Vec<Given> {
        let mut asked = CK_ATTRIBUTE {
            type_: kind,
            ..Default::default()
        };
        let ask = |asked: &mut CK_ATTRIBUTE| {
            let rv = call!(self, C_GetAttributeValue(session, object, &raw mut *asked, 1));
            assert_eq!(rv, CKR_OK);
        };
        ask(&mut asked);
        let count = usize::try_from(asked.ulValueLen).unwrap() / size_of::<CK_ATTRIBUTE>();
        let mut inner = vec![CK_ATTRIBUTE::default(); count];
        asked.pValue = inner.as_mut_ptr().cast();
        ask(&mut asked);
        let mut values: Vec<Given> = inner
            .iter()
            .map(|attribute| {
                (
                    attribute.type_,
                    vec![0; usize::try_from(attribute.ulValueLen).unwrap()],
                )
            })
            .collect();
        for (attribute, (_, value)) in inner.iter_mut().zip(&mut values) {
            attribute.pValue = value.as_mut_ptr().cast();
        }
        ask(&mut asked);
        values
    }

    /// Whether an attribute is true.
    #[track_caller]
    pub(crate) fn is(
        self,
        session: CK_SESSION_HANDLE,
        object: CK_OBJECT_HANDLE,
        kind: CK_ATTRIBUTE_TYPE,
    ) -> bool {
        match self.get(session, object, kind).as_deref() {
            Ok([CK_TRUE]) => true,
            Ok([CK_FALSE]) => false,
            other => panic!("{kind:#x} is {other:x?}"),
        }
    }

    pub(crate) fn find(self, session: CK_SESSION_HANDLE, template: &[Given]) -> Vec<CK_OBJECT_HANDLE> {
        let (mut list, mut found, mut count) = (array(template), [0; 256], 0);
        let length = list.len() as CK_ULONG;
        let begun = call!(self, C_FindObjectsInit(session, list.as_mut_ptr(), length));
        assert_eq!(begun, CKR_OK);
        let rv = call!(
            self,
            C_FindObjects(session, found.as_mut_ptr(), 256, &raw mut count)
        );
        assert_eq!((rv, call!(self, C_FindObjectsFinal(session))), (CKR_OK, CKR_OK));
        found[..usize::try_from(count).unwrap()].to_vec()
    }

    pub(crate) fn generate(
        self,
        session: CK_SESSION_HANDLE,
        kind: CK_MECHANISM_TYPE,
        template: &[Given],
    ) -> Result<CK_OBJECT_HANDLE> {
        let (mut mechanism, mut list, mut key) = (mechanism(kind), array(template), 0);
        let count = list.len() as CK_ULONG;
        let rv = call!(
            self,
            C_GenerateKey(
                session,
                &raw mut mechanism,
                list.as_mut_ptr(),
                count,
                &raw mut key
            )
        );
        answer(rv, key)
    }

    /// A pair: public key, private key.
    pub(crate) fn generate_pair(
        self,
        session: CK_SESSION_HANDLE,
        kind: CK_MECHANISM_TYPE,
        public: &[Given],
        private: &[Given],
    ) -> Result<(CK_OBJECT_HANDLE, CK_OBJECT_HANDLE)> {
        let (mut mechanism, mut public, mut private) = (mechanism(kind), array(public), array(private));
        let (mut public_key, mut private_key) = (0, 0);
        let rv = call!(
            self,
            C_GenerateKeyPair(
                session,
                &raw mut mechanism,
                public.as_mut_ptr(),
                public.len() as CK_ULONG,
                private.as_mut_ptr(),
                private.len() as CK_ULONG,
                &raw mut public_key,
                &raw mut private_key
            )
        );
        answer(rv, (public_key, private_key))
    }

    /// Signs in one call.
    pub(crate) fn sign(
        self,
        session: CK_SESSION_HANDLE,
        kind: CK_MECHANISM_TYPE,
        key: CK_OBJECT_HANDLE,
        data: &[u8],
    ) -> Result<Vec<u8>> {
        let (mut mechanism, mut out, mut length) = (mechanism(kind), vec![0; 8192], 8192);
        answer(call!(self, C_SignInit(session, &raw mut mechanism, key)), ())?;
        let (pointer, data_len) = (data.as_ptr().cast_mut(), data.len() as CK_ULONG);
        let rv = call!(
            self,
            C_Sign(session, pointer, data_len, out.as_mut_ptr(), &raw mut length)
        );
        answer(rv, ())?;
        out.truncate(usize::try_from(length).unwrap());
        Ok(out)
    }

    /// Verifies in one call.
    pub(crate) fn verify(
        self,
        session: CK_SESSION_HANDLE,
        kind: CK_MECHANISM_TYPE,
        key: CK_OBJECT_HANDLE,
        data: &[u8],
        signature: &[u8],
    ) -> Result<()> {
        let mut mechanism = mechanism(kind);
        answer(call!(self, C_VerifyInit(session, &raw mut mechanism, key)), ())?;
        let (signed, length) = (data.as_ptr().cast_mut(), data.len() as CK_ULONG);
        let (pointer, signature_len) = (signature.as_ptr().cast_mut(), signature.len() as CK_ULONG);
        answer(
            call!(self, C_Verify(session, signed, length, pointer, signature_len)),
            (),
        )
    }
}
