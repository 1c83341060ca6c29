//! What a module's return values mean to us: a look at the truth table.

use cryptoki::error::{Error, RvError};
use trien_protocol::error::ErrorCode;

use crate::tokens::{TokenError, truth};

/// `CKR_USER_NOT_LOGGED_IN`
const USER_NOT_LOGGED_IN: u64 = 0x101;

/// Of anything but a PIN: what a value says of one, `session` reads out of the same table.
pub(super) fn token_error(error: &Error) -> TokenError {
    match error {
        Error::Pkcs11(value, _) => meaning(number(value)),
        Error::LibraryLoading(reason) => TokenError::Load(reason.to_string()),
        Error::MissingSymbol(name) => TokenError::Load(format!("no {name}")),
        Error::NullFunctionPointer => TokenError::Unsupported("the module lacks a function".to_owned()),
        Error::NotSupported => TokenError::Unsupported("unknown to this program".to_owned()),
        _ => TokenError::Failed("a value out of range".to_owned()),
    }
}

/// What a `CK_RV` other than `CKR_OK` says of the token.
pub(in crate::tokens) fn meaning(number: u64) -> TokenError {
    let Some(row) = truth::cryptoki(number) else {
        return TokenError::Answered { number };
    };
    match row.code {
        _ if number == USER_NOT_LOGGED_IN => TokenError::LoginNeeded,
        ErrorCode::TokenRemoved => TokenError::Removed,
        ErrorCode::TokenBusy => TokenError::Busy,
        ErrorCode::CertificateUnsuitable => TokenError::NoSuchKey,
        ErrorCode::UnsupportedByToken => TokenError::Unsupported(row.name.to_owned()),
        _ => TokenError::Answered { number },
    }
}

/// The token does not take the form of a PIN that is set.
pub(super) fn is_out_of_form(error: &Error) -> bool {
    match error {
        Error::Pkcs11(value, _) => {
            truth::cryptoki(number(value)).is_some_and(|row| row.code == ErrorCode::PinInvalid)
        }
        _ => false,
    }
}

/// The number behind the crate's name for it.
pub(super) fn number(value: &RvError) -> u64 {
    match value {
        RvError::VendorDefined(number) | RvError::UnknownErrorCode(number) => *number,
        known => {
            let mut name = String::from("CKR");
            for character in format!("{known:?}").chars() {
                if character.is_ascii_uppercase() {
                    name.push('_');
                }
                name.push(character.to_ascii_uppercase());
            }
            // A name the table does not have would be a fault of the table, which its tests rule out.
            truth::cryptoki_named(&name).map_or(0, |row| row.number)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cryptoki::context::Function;
    use cryptoki::error::Rv;

    #[test]
    fn return_values_have_their_names() {
        let told = |value| token_error(&Error::Pkcs11(value, Function::Sign)).to_string();
        assert!(told(RvError::DeviceError).contains("CKR_DEVICE_ERROR"));
        assert!(told(RvError::UserPinNotInitialized).contains("CKR_USER_PIN_NOT_INITIALIZED"));
        assert!(told(RvError::VendorDefined(0x8000_0001)).contains("CKR 0x80000001"));
    }

    #[test]
    fn every_name_of_the_crate_leads_to_its_row() {
        for number in 1..0x1000 {
            let Rv::Error(value) = Rv::from(number) else {
                panic!("{number} is no error");
            };
            assert_eq!(super::number(&value), number, "{value:?}");
        }
    }
}
