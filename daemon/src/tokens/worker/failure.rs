//! What a module's return values mean to us.

use cryptoki::error::{Error, RvError};

use crate::tokens::TokenError;

/// Anything but a PIN's return values, which `session::login` reads itself.
pub(super) fn token_error(error: &Error) -> TokenError {
    match error {
        Error::Pkcs11(value, _) => of_return_value(value),
        Error::LibraryLoading(reason) => TokenError::Load(reason.to_string()),
        Error::MissingSymbol(name) => TokenError::Load(format!("no {name}")),
        Error::NullFunctionPointer => TokenError::Unsupported("the module lacks a function".to_owned()),
        Error::NotSupported => TokenError::Unsupported("unknown to this program".to_owned()),
        _ => TokenError::Failed("a value out of range".to_owned()),
    }
}

fn of_return_value(value: &RvError) -> TokenError {
    match value {
        RvError::DeviceRemoved
        | RvError::TokenNotPresent
        | RvError::TokenNotRecognized
        | RvError::SlotIdInvalid
        | RvError::SessionHandleInvalid
        | RvError::SessionClosed => TokenError::Removed,
        RvError::SessionCount | RvError::SessionExists | RvError::FunctionRejected => TokenError::Busy,
        RvError::UserNotLoggedIn => TokenError::LoginNeeded,
        RvError::KeyHandleInvalid | RvError::ObjectHandleInvalid => TokenError::NoSuchKey,
        RvError::MechanismInvalid
        | RvError::MechanismParamInvalid
        | RvError::FunctionNotSupported
        | RvError::CurveNotSupported
        | RvError::DomainParamsInvalid
        | RvError::KeySizeRange
        | RvError::KeyFunctionNotPermitted
        | RvError::KeyTypeInconsistent => TokenError::Unsupported(name(value)),
        other => TokenError::Failed(name(other)),
    }
}

/// As the standard writes it: `CKR_DEVICE_ERROR`.
fn name(value: &RvError) -> String {
    match value {
        RvError::VendorDefined(number) | RvError::UnknownErrorCode(number) => format!("CKR {number:#x}"),
        known => {
            let mut name = String::from("CKR");
            for character in format!("{known:?}").chars() {
                if character.is_ascii_uppercase() {
                    name.push('_');
                }
                name.push(character.to_ascii_uppercase());
            }
            name
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cryptoki::context::Function;

    #[test]
    fn return_values_have_their_names() {
        let told = |value| token_error(&Error::Pkcs11(value, Function::Sign)).to_string();
        assert!(told(RvError::DeviceError).contains("CKR_DEVICE_ERROR"));
        assert!(told(RvError::UserPinNotInitialized).contains("CKR_USER_PIN_NOT_INITIALIZED"));
        assert!(told(RvError::VendorDefined(0x8000_0001)).contains("CKR 0x80000001"));
    }

    #[test]
    fn a_pulled_token_is_removed() {
        for value in [
            RvError::DeviceRemoved,
            RvError::TokenNotPresent,
            RvError::SessionHandleInvalid,
        ] {
            assert!(matches!(
                token_error(&Error::Pkcs11(value, Function::Sign)),
                TokenError::Removed
            ));
        }
    }
}
