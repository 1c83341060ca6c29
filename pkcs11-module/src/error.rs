//! Why a call fails, and the return value that says so.
//!
//! One table maps every [`Error`] to its `CKR_` value; nothing else in the module writes one.

use std::sync::PoisonError;

use cryptoki_sys::*;

use crate::store::StoreError;

pub(crate) type Result<T> = std::result::Result<T, Error>;

macro_rules! errors {
    ($($variant:ident = $value:ident;)+) => {
        /// A refusal or failure, named after the return value of PKCS #11 (section 5.1) that it becomes.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[allow(clippy::enum_variant_names)] // the standard's names
        pub(crate) enum Error { $($variant),+ }

        impl Error {
            /// The `CK_RV` a caller sees.
            pub(crate) const fn return_value(self) -> CK_RV { match self { $(Self::$variant => $value),+ } }

            /// The name of that value, for the trace.
            pub(crate) const fn name(self) -> &'static str {
                match self { $(Self::$variant => stringify!($value)),+ }
            }
        }
    };
}

errors! {
    ActionProhibited = CKR_ACTION_PROHIBITED;
    AeadDecryptFailed = CKR_AEAD_DECRYPT_FAILED;
    AlreadyInitialized = CKR_CRYPTOKI_ALREADY_INITIALIZED;
    ArgumentsBad = CKR_ARGUMENTS_BAD;
    AttributeReadOnly = CKR_ATTRIBUTE_READ_ONLY;
    AttributeSensitive = CKR_ATTRIBUTE_SENSITIVE;
    AttributeTypeInvalid = CKR_ATTRIBUTE_TYPE_INVALID;
    AttributeValueInvalid = CKR_ATTRIBUTE_VALUE_INVALID;
    BufferTooSmall = CKR_BUFFER_TOO_SMALL;
    CantLock = CKR_CANT_LOCK;
    CurveNotSupported = CKR_CURVE_NOT_SUPPORTED;
    DataInvalid = CKR_DATA_INVALID;
    DataLenRange = CKR_DATA_LEN_RANGE;
    DeviceError = CKR_DEVICE_ERROR;
    DeviceMemory = CKR_DEVICE_MEMORY;
    DeviceRemoved = CKR_DEVICE_REMOVED;
    DomainParamsInvalid = CKR_DOMAIN_PARAMS_INVALID;
    EncryptedDataInvalid = CKR_ENCRYPTED_DATA_INVALID;
    EncryptedDataLenRange = CKR_ENCRYPTED_DATA_LEN_RANGE;
    FunctionFailed = CKR_FUNCTION_FAILED;
    FunctionNotParallel = CKR_FUNCTION_NOT_PARALLEL;
    FunctionNotSupported = CKR_FUNCTION_NOT_SUPPORTED;
    General = CKR_GENERAL_ERROR;
    HostMemory = CKR_HOST_MEMORY;
    KeyFunctionNotPermitted = CKR_KEY_FUNCTION_NOT_PERMITTED;
    KeyHandleInvalid = CKR_KEY_HANDLE_INVALID;
    KeyIndigestible = CKR_KEY_INDIGESTIBLE;
    KeyNotNeeded = CKR_KEY_NOT_NEEDED;
    KeyNotWrappable = CKR_KEY_NOT_WRAPPABLE;
    KeySizeRange = CKR_KEY_SIZE_RANGE;
    KeyTypeInconsistent = CKR_KEY_TYPE_INCONSISTENT;
    KeyUnextractable = CKR_KEY_UNEXTRACTABLE;
    MechanismInvalid = CKR_MECHANISM_INVALID;
    MechanismParamInvalid = CKR_MECHANISM_PARAM_INVALID;
    NoEvent = CKR_NO_EVENT;
    NotInitialized = CKR_CRYPTOKI_NOT_INITIALIZED;
    ObjectHandleInvalid = CKR_OBJECT_HANDLE_INVALID;
    OperationActive = CKR_OPERATION_ACTIVE;
    OperationNotInitialized = CKR_OPERATION_NOT_INITIALIZED;
    ParameterSetNotSupported = CKR_PARAMETER_SET_NOT_SUPPORTED;
    PinIncorrect = CKR_PIN_INCORRECT;
    PinInvalid = CKR_PIN_INVALID;
    PinLenRange = CKR_PIN_LEN_RANGE;
    PinLocked = CKR_PIN_LOCKED;
    SavedStateInvalid = CKR_SAVED_STATE_INVALID;
    SessionAsyncNotSupported = CKR_SESSION_ASYNC_NOT_SUPPORTED;
    SessionCount = CKR_SESSION_COUNT;
    SessionExists = CKR_SESSION_EXISTS;
    SessionHandleInvalid = CKR_SESSION_HANDLE_INVALID;
    SessionParallelNotSupported = CKR_SESSION_PARALLEL_NOT_SUPPORTED;
    SessionReadOnly = CKR_SESSION_READ_ONLY;
    SessionReadOnlyExists = CKR_SESSION_READ_ONLY_EXISTS;
    SessionReadWriteSoExists = CKR_SESSION_READ_WRITE_SO_EXISTS;
    SignatureInvalid = CKR_SIGNATURE_INVALID;
    SignatureLenRange = CKR_SIGNATURE_LEN_RANGE;
    SlotIdInvalid = CKR_SLOT_ID_INVALID;
    StateUnsaveable = CKR_STATE_UNSAVEABLE;
    TemplateIncomplete = CKR_TEMPLATE_INCOMPLETE;
    TemplateInconsistent = CKR_TEMPLATE_INCONSISTENT;
    TokenNotPresent = CKR_TOKEN_NOT_PRESENT;
    TokenNotRecognized = CKR_TOKEN_NOT_RECOGNIZED;
    TokenWriteProtected = CKR_TOKEN_WRITE_PROTECTED;
    UnwrappingKeyHandleInvalid = CKR_UNWRAPPING_KEY_HANDLE_INVALID;
    UnwrappingKeySizeRange = CKR_UNWRAPPING_KEY_SIZE_RANGE;
    UnwrappingKeyTypeInconsistent = CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT;
    UserAlreadyLoggedIn = CKR_USER_ALREADY_LOGGED_IN;
    UserAnotherAlreadyLoggedIn = CKR_USER_ANOTHER_ALREADY_LOGGED_IN;
    UserNotLoggedIn = CKR_USER_NOT_LOGGED_IN;
    UserPinNotInitialized = CKR_USER_PIN_NOT_INITIALIZED;
    UserTypeInvalid = CKR_USER_TYPE_INVALID;
    WrappedKeyInvalid = CKR_WRAPPED_KEY_INVALID;
    WrappedKeyLenRange = CKR_WRAPPED_KEY_LEN_RANGE;
    WrappingKeyHandleInvalid = CKR_WRAPPING_KEY_HANDLE_INVALID;
    WrappingKeySizeRange = CKR_WRAPPING_KEY_SIZE_RANGE;
    WrappingKeyTypeInconsistent = CKR_WRAPPING_KEY_TYPE_INCONSISTENT;
}

/// A lock is poisoned when a call panicked while it held it: what it guards may be half changed, so later calls
/// are refused until `C_Finalize` instead of going on with it.
impl<T> From<PoisonError<T>> for Error {
    fn from(_: PoisonError<T>) -> Self {
        Self::General
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "token store");
        match error {
            StoreError::Full => Self::DeviceMemory,
            StoreError::Gone => Self::DeviceRemoved,
            StoreError::Barred => Self::TokenNotRecognized,
            StoreError::PinIncorrect => Self::PinIncorrect,
            StoreError::PinLocked => Self::PinLocked,
            StoreError::PinNotSet => Self::UserPinNotInitialized,
            StoreError::ReadOnly => Self::TokenWriteProtected,
            StoreError::Busy | StoreError::Profile => Self::FunctionFailed,
            StoreError::Corrupt(_) | StoreError::Io(_) => Self::DeviceError,
            StoreError::Memory => Self::HostMemory,
            StoreError::Random => Self::General,
        }
    }
}
