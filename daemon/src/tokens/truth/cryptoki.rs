//! The rows of PKCS #11: every `CKR` of version 3.2 (pkcs11t.h) but `CKR_OK` and `CKR_VENDOR_DEFINED`, which is where
//! makers' own numbers begin. Those, and numbers nobody has defined, are failures of the token.
//!
//! At a login some mean what the standard does not say: `CKR_ARGUMENTS_BAD` is what Yubico's module answers to a PIN that
//! is too short or too long, `CKR_DATA_INVALID` what comes of too few digits at a reader, and `CKR_GENERAL_ERROR` what
//! OpenSC 0.23 says to every answer of a card that it does not expect, after which it may not return from the next call.

table! {
    CKR_CANCEL = 0x01 => Cancelled | NotTyped;
    CKR_HOST_MEMORY = 0x02 => TokenFailed, again;
    CKR_SLOT_ID_INVALID = 0x03 => TokenRemoved, again;
    CKR_GENERAL_ERROR = 0x05 => TokenFailed, again | Unclear;
    CKR_FUNCTION_FAILED = 0x06 => TokenFailed, again | PerhapsLocked;
    CKR_ARGUMENTS_BAD = 0x07 => TokenFailed | Invalid;
    CKR_NO_EVENT = 0x08 => TokenFailed, again;
    CKR_NEED_TO_CREATE_THREADS = 0x09 => ModuleUnusable;
    CKR_CANT_LOCK = 0x0a => ModuleUnusable;
    CKR_ATTRIBUTE_READ_ONLY = 0x10 => TokenFailed;
    CKR_ATTRIBUTE_SENSITIVE = 0x11 => UnsupportedByToken;
    CKR_ATTRIBUTE_TYPE_INVALID = 0x12 => UnsupportedByToken;
    CKR_ATTRIBUTE_VALUE_INVALID = 0x13 => UnsupportedByToken;
    CKR_ACTION_PROHIBITED = 0x1b => UnsupportedByToken;
    CKR_DATA_INVALID = 0x20 => UnsupportedByToken | Invalid;
    CKR_DATA_LEN_RANGE = 0x21 => UnsupportedByToken;
    CKR_DEVICE_ERROR = 0x30 => TokenFailed, again | PerhapsRemoved;
    CKR_DEVICE_MEMORY = 0x31 => TokenFull;
    CKR_DEVICE_REMOVED = 0x32 => TokenRemoved, again;
    CKR_ENCRYPTED_DATA_INVALID = 0x40 => TokenFailed;
    CKR_ENCRYPTED_DATA_LEN_RANGE = 0x41 => TokenFailed;
    CKR_AEAD_DECRYPT_FAILED = 0x42 => TokenFailed;
    CKR_FUNCTION_CANCELED = 0x50 => Cancelled | NotTyped;
    CKR_FUNCTION_NOT_PARALLEL = 0x51 => TokenFailed;
    CKR_FUNCTION_NOT_SUPPORTED = 0x54 => UnsupportedByToken;
    CKR_KEY_HANDLE_INVALID = 0x60 => CertificateUnsuitable;
    CKR_KEY_SIZE_RANGE = 0x62 => UnsupportedByToken;
    CKR_KEY_TYPE_INCONSISTENT = 0x63 => UnsupportedByToken;
    CKR_KEY_NOT_NEEDED = 0x64 => TokenFailed;
    CKR_KEY_CHANGED = 0x65 => TokenFailed, again;
    CKR_KEY_NEEDED = 0x66 => TokenFailed;
    CKR_KEY_INDIGESTIBLE = 0x67 => UnsupportedByToken;
    CKR_KEY_FUNCTION_NOT_PERMITTED = 0x68 => UnsupportedByToken;
    CKR_KEY_NOT_WRAPPABLE = 0x69 => UnsupportedByToken;
    CKR_KEY_UNEXTRACTABLE = 0x6a => UnsupportedByToken;
    CKR_MECHANISM_INVALID = 0x70 => UnsupportedByToken;
    CKR_MECHANISM_PARAM_INVALID = 0x71 => UnsupportedByToken;
    CKR_OBJECT_HANDLE_INVALID = 0x82 => CertificateUnsuitable;
    CKR_OPERATION_ACTIVE = 0x90 => TokenBusy, again;
    CKR_OPERATION_NOT_INITIALIZED = 0x91 => TokenFailed, again;
    CKR_PIN_INCORRECT = 0xa0 => PinIncorrect | Incorrect;
    CKR_PIN_INVALID = 0xa1 => PinInvalid | Invalid;
    CKR_PIN_LEN_RANGE = 0xa2 => PinInvalid | Invalid;
    CKR_PIN_EXPIRED = 0xa3 => PinExpired | Expired;
    CKR_PIN_LOCKED = 0xa4 => PinLocked | Locked;
    CKR_SESSION_CLOSED = 0xb0 => TokenRemoved, again;
    CKR_SESSION_COUNT = 0xb1 => TokenBusy, again;
    CKR_SESSION_HANDLE_INVALID = 0xb3 => TokenRemoved, again;
    CKR_SESSION_PARALLEL_NOT_SUPPORTED = 0xb4 => ModuleUnusable;
    CKR_SESSION_READ_ONLY = 0xb5 => TokenFailed;
    CKR_SESSION_EXISTS = 0xb6 => TokenBusy, again;
    CKR_SESSION_READ_ONLY_EXISTS = 0xb7 => TokenBusy, again;
    CKR_SESSION_READ_WRITE_SO_EXISTS = 0xb8 => TokenBusy, again;
    CKR_SIGNATURE_INVALID = 0xc0 => BadSignatureFromToken, again;
    CKR_SIGNATURE_LEN_RANGE = 0xc1 => BadSignatureFromToken, again;
    CKR_TEMPLATE_INCOMPLETE = 0xd0 => UnsupportedByToken;
    CKR_TEMPLATE_INCONSISTENT = 0xd1 => UnsupportedByToken;
    CKR_TOKEN_NOT_PRESENT = 0xe0 => TokenRemoved, again;
    CKR_TOKEN_NOT_RECOGNIZED = 0xe1 => TokenFailed, again | PerhapsRemoved;
    CKR_TOKEN_WRITE_PROTECTED = 0xe2 => TokenReadOnly;
    CKR_UNWRAPPING_KEY_HANDLE_INVALID = 0xf0 => CertificateUnsuitable;
    CKR_UNWRAPPING_KEY_SIZE_RANGE = 0xf1 => UnsupportedByToken;
    CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT = 0xf2 => UnsupportedByToken;
    CKR_USER_ALREADY_LOGGED_IN = 0x100 => TokenBusy, again | OtherLogin;
    CKR_USER_NOT_LOGGED_IN = 0x101 => TokenFailed, again;
    CKR_USER_PIN_NOT_INITIALIZED = 0x102 => PinNotSet;
    CKR_USER_TYPE_INVALID = 0x103 => UnsupportedByToken;
    CKR_USER_ANOTHER_ALREADY_LOGGED_IN = 0x104 => TokenBusy, again;
    CKR_USER_TOO_MANY_TYPES = 0x105 => TokenBusy, again;
    CKR_WRAPPED_KEY_INVALID = 0x110 => TokenFailed;
    CKR_WRAPPED_KEY_LEN_RANGE = 0x112 => TokenFailed;
    CKR_WRAPPING_KEY_HANDLE_INVALID = 0x113 => CertificateUnsuitable;
    CKR_WRAPPING_KEY_SIZE_RANGE = 0x114 => UnsupportedByToken;
    CKR_WRAPPING_KEY_TYPE_INCONSISTENT = 0x115 => UnsupportedByToken;
    CKR_RANDOM_SEED_NOT_SUPPORTED = 0x120 => UnsupportedByToken;
    CKR_RANDOM_NO_RNG = 0x121 => UnsupportedByToken;
    CKR_DOMAIN_PARAMS_INVALID = 0x130 => UnsupportedByToken;
    CKR_CURVE_NOT_SUPPORTED = 0x140 => UnsupportedByToken;
    CKR_BUFFER_TOO_SMALL = 0x150 => TokenFailed, again;
    CKR_SAVED_STATE_INVALID = 0x160 => TokenFailed;
    CKR_INFORMATION_SENSITIVE = 0x170 => UnsupportedByToken;
    CKR_STATE_UNSAVEABLE = 0x180 => UnsupportedByToken;
    CKR_CRYPTOKI_NOT_INITIALIZED = 0x190 => ModuleCrashed, again;
    CKR_CRYPTOKI_ALREADY_INITIALIZED = 0x191 => TokenBusy, again;
    CKR_MUTEX_BAD = 0x1a0 => ModuleUnusable;
    CKR_MUTEX_NOT_LOCKED = 0x1a1 => ModuleUnusable;
    CKR_NEW_PIN_MODE = 0x1b0 => PinExpired | Expired;
    CKR_NEXT_OTP = 0x1b1 => PinIncorrect | Incorrect;
    CKR_EXCEEDED_MAX_ITERATIONS = 0x1b5 => TokenFailed, again;
    CKR_FIPS_SELF_TEST_FAILED = 0x1b6 => ModuleUnusable;
    CKR_LIBRARY_LOAD_FAILED = 0x1b7 => ModuleUnusable;
    CKR_PIN_TOO_WEAK = 0x1b8 => PinInvalid | Invalid;
    CKR_PUBLIC_KEY_INVALID = 0x1b9 => UnsupportedByToken;
    CKR_FUNCTION_REJECTED = 0x200 => Cancelled;
    CKR_TOKEN_RESOURCE_EXCEEDED = 0x201 => TokenBusy, again;
    CKR_OPERATION_CANCEL_FAILED = 0x202 => TokenBusy, again;
    CKR_KEY_EXHAUSTED = 0x203 => CertificateUnsuitable;
    CKR_PENDING = 0x204 => TokenBusy, again;
    CKR_SESSION_ASYNC_NOT_SUPPORTED = 0x205 => UnsupportedByToken;
    CKR_SEED_RANDOM_REQUIRED = 0x206 => TokenFailed;
    CKR_OPERATION_NOT_VALIDATED = 0x207 => UnsupportedByToken;
    CKR_TOKEN_NOT_INITIALIZED = 0x208 => NoCertificate;
    CKR_PARAMETER_SET_NOT_SUPPORTED = 0x209 => UnsupportedByToken;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jobs::JobError;
    use crate::tokens::worker::{login_outcome, meaning};
    use crate::tokens::{LoginError, PinState, TokenError, truth};

    /// From the number a module returns to what a page gets, through all that lies between: of a login, and of anything
    /// else.
    pub(super) fn check(number: u64, name: &str) {
        let row = truth::cryptoki(number).expect("the row");
        assert_eq!(row.name, name);
        truth::tests::check_row(row);
        truth::tests::check_wire(row, &JobError::from(meaning(number)));
        for state in [PinState::Ready, PinState::LastTry, PinState::Locked] {
            let (code, may_ask) = truth::tests::at_login(row, state);
            let asked = || {
                assert!(may_ask, "{name}: the module is asked for the state of the PIN");
                state
            };
            let outcome = login_outcome(number, asked).map_err(LoginError::from);
            let told = outcome.and_then(crate::tokens::wire::LoginOutcome::into_result);
            let told = JobError::from(told.expect_err("no login"));
            assert_eq!(told.code(), code, "{name}, {state:?}");
            if told.code() == row.code {
                truth::tests::check_wire(row, &told);
            }
        }
        let (removed, unclear) = match row.at_login {
            AtLogin::PerhapsRemoved => (true, false),
            AtLogin::Unclear => (true, true),
            _ => (false, false),
        };
        let answered = TokenError::Answered { number };
        assert_eq!(
            crate::tokens::session::may_mean_removal(&answered),
            removed,
            "{name}"
        );
        assert_eq!(crate::tokens::session::is_unclear(&answered), unclear, "{name}");
    }

    /// The constants are read out of the source of the bindings, so that a newer version of the standard fails here.
    #[test]
    fn every_return_value_of_the_standard_has_a_row() {
        let source = truth::tests::source_of("cryptoki-sys", "bindings/generic.rs");
        let mut seen = 0;
        for line in source.lines() {
            let Some(rest) = line.trim().strip_prefix("pub const CKR_") else {
                continue;
            };
            let (name, value) = rest
                .trim_end_matches(';')
                .split_once(": CK_RV = ")
                .expect("a constant");
            if ["OK", "VENDOR_DEFINED"].contains(&name) {
                continue;
            }
            let row = truth::cryptoki(value.parse().expect("a number"));
            assert_eq!(row.map(|row| row.name), Some(format!("CKR_{name}").as_str()));
            seen += 1;
        }
        assert_eq!(seen, ROWS.len());
    }
}
