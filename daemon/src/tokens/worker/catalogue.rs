//! What tokens a module shows, and what lies on them in the open.

use std::collections::HashSet;

use cryptoki::context::Pkcs11;
use cryptoki::object::{Attribute, AttributeType, CertificateType, ObjectClass, ObjectHandle};
use cryptoki::session::Session;
use cryptoki::slot::{Slot, TokenInfo};
use trien_signatures::certificate::Certificate;

use super::failure::token_error;
use super::public_key;
use crate::tokens::wire::{
    CertificateRecord, MAX_CERTIFICATE_BYTES, MAX_CERTIFICATES, MAX_KEYS, MAX_SLOTS, Octets, TokenName,
};
use crate::tokens::{PinNeed, PinState, TokenEntry, TokenError, TokenId};

/// The longest PIN that is taken where a token names no limit or a mad one, in bytes.
const MAX_PIN: usize = 255;

/// The longest label that is shown, in characters.
const MAX_LABEL: usize = 255;

/// Every token of the module. A slot that cannot be read costs its own token only.
pub(super) fn tokens(module: &Pkcs11, name: &str) -> Result<Vec<TokenEntry>, TokenError> {
    Ok(slots(module)?
        .into_iter()
        .filter_map(|slot| entry(module, slot, name).ok())
        .collect())
}

/// The slots that hold a token.
pub(super) fn slots(module: &Pkcs11) -> Result<Vec<Slot>, TokenError> {
    let mut slots = module
        .get_slots_with_token()
        .map_err(|error| token_error(&error))?;
    slots.truncate(MAX_SLOTS);
    Ok(slots)
}

/// The token in one slot.
pub(super) fn entry(module: &Pkcs11, slot: Slot, name: &str) -> Result<TokenEntry, TokenError> {
    let info = module.get_token_info(slot).map_err(|error| token_error(&error))?;
    let hardware = module.get_slot_info(slot).is_ok_and(|slot| slot.hardware_slot());
    let TokenName { serial, label } = name_of(&info);
    Ok(TokenEntry {
        id: TokenId {
            module: name.to_owned(),
            serial,
            label,
        },
        slot: slot.id(),
        manufacturer: legible(info.manufacturer_id()),
        model: legible(info.model()),
        hardware,
        initialized: info.token_initialized(),
        damaged: info.error_state(),
        pin: pin_state(&info),
    })
}

/// Finds a token by its name, wherever it is plugged in now.
pub(super) fn find(module: &Pkcs11, wanted: &TokenName) -> Result<(Slot, TokenInfo), TokenError> {
    slots(module)?
        .into_iter()
        .filter_map(|slot| Some((slot, module.get_token_info(slot).ok()?)))
        .find(|(_, info)| name_of(info) == *wanted)
        .ok_or(TokenError::Removed)
}

/// The token's state, if it is still the one in that slot.
pub(super) fn still_there(module: &Pkcs11, slot: Slot, wanted: &TokenName) -> Result<TokenInfo, TokenError> {
    let info = module.get_token_info(slot).map_err(|error| token_error(&error))?;
    if name_of(&info) == *wanted {
        Ok(info)
    } else {
        Err(TokenError::Removed)
    }
}

fn name_of(info: &TokenInfo) -> TokenName {
    TokenName {
        serial: legible(info.serial_number()),
        label: legible(info.label()),
    }
}

fn pin_state(info: &TokenInfo) -> PinState {
    match () {
        () if !info.login_required() && info.token_initialized() => PinState::NotNeeded,
        () if !info.user_pin_initialized() => PinState::NotSet,
        () if info.user_pin_locked() => PinState::Locked,
        () if info.user_pin_final_try() => PinState::LastTry,
        () if info.user_pin_count_low() => PinState::FewTries,
        () if info.user_pin_to_be_changed() => PinState::ToBeChanged,
        () => PinState::Ready,
    }
}

/// How a token takes its PIN.
pub(super) fn pin_need(info: &TokenInfo) -> PinNeed {
    let state = pin_state(info);
    match state {
        PinState::NotNeeded => PinNeed::NotNeeded,
        PinState::Locked => PinNeed::Locked,
        _ if info.protected_authentication_path() => PinNeed::Reader,
        _ => {
            let (min, max) = pin_lengths(info);
            let shown = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
            PinNeed::Pipe {
                min: shown(min),
                max: shown(max),
                state,
            }
        }
    }
}

/// `ulMinPinLen` and `ulMaxPinLen`, put right where they make no sense.
pub(super) fn pin_lengths(info: &TokenInfo) -> (usize, usize) {
    let max = match info.max_pin_length() {
        0 => MAX_PIN,
        length => length.min(MAX_PIN),
    };
    (info.min_pin_length().clamp(1, max), max)
}

/// The certificates that can be read without a PIN.
pub(super) fn certificates(module: &Pkcs11, token: &TokenName) -> Result<Vec<CertificateRecord>, TokenError> {
    let (slot, info) = find(module, token)?;
    let session = module
        .open_ro_session(slot)
        .map_err(|error| token_error(&error))?;
    let keys = private_key_ids(&session)?;
    let keys_may_hide = keys.is_empty() && info.login_required();
    let public_keys = public_keys(&session)?;
    let template = [
        Attribute::Class(ObjectClass::CERTIFICATE),
        Attribute::CertificateType(CertificateType::X_509),
    ];
    let mut records = Vec::new();
    let mut bytes = 0;
    for object in objects(&session, &template, MAX_CERTIFICATES)? {
        let Some((label, mut id, der)) = read_certificate(&session, object) else {
            continue;
        };
        if let Some(of_key) = paired(&public_keys, &id, &der) {
            id.clone_from(of_key);
        }
        bytes += der.len();
        if bytes > MAX_CERTIFICATE_BYTES {
            tracing::warn!("the token holds more certificates than are looked at");
            break;
        }
        let key = !id.is_empty() && (keys_may_hide || keys.contains(&id));
        records.push(CertificateRecord {
            label,
            id: Octets(id),
            der: Octets(der),
            key,
        });
    }
    Ok(records)
}

/// A public key object.
struct PublicKey {
    /// `CKA_ID`
    id: Vec<u8>,
    /// DER of the `SubjectPublicKeyInfo`
    info: Vec<u8>,
}

/// The public keys, which tokens show without a PIN.
fn public_keys(session: &Session) -> Result<Vec<PublicKey>, TokenError> {
    let keys = objects(session, &[Attribute::Class(ObjectClass::PUBLIC_KEY)], MAX_KEYS)?;
    let read = |key| {
        let Some(Attribute::KeyType(key_type)) =
            session.get_attributes(key, &[AttributeType::KeyType]).ok()?.pop()
        else {
            return None;
        };
        Some(PublicKey {
            id: octets(session, key, AttributeType::Id)?,
            info: public_key::read(session, key, key_type)?,
        })
    };
    Ok(keys.into_iter().filter_map(read).collect())
}

/// The `CKA_ID` of the key that a certificate is about, where its own names none: some programs give certificates ids
/// of their own.
fn paired<'a>(public_keys: &'a [PublicKey], id: &[u8], der: &[u8]) -> Option<&'a Vec<u8>> {
    if public_keys.iter().any(|key| key.id == id) {
        return None;
    }
    let certificate = Certificate::from_der(der).ok()?;
    let mut fitting = public_keys
        .iter()
        .filter(|key| key.info == certificate.public_key_der());
    fitting.next().map(|key| &key.id)
}

fn private_key_ids(session: &Session) -> Result<HashSet<Vec<u8>>, TokenError> {
    let keys = objects(session, &[Attribute::Class(ObjectClass::PRIVATE_KEY)], MAX_KEYS)?;
    Ok(keys
        .into_iter()
        .filter_map(|key| octets(session, key, AttributeType::Id))
        .collect())
}

fn read_certificate(session: &Session, object: ObjectHandle) -> Option<(String, Vec<u8>, Vec<u8>)> {
    let der = octets(session, object, AttributeType::Value).filter(|der| !der.is_empty())?;
    let id = octets(session, object, AttributeType::Id).unwrap_or_default();
    Some((label(session, object), id, der))
}

/// The objects that fit a template, at most `limit`.
pub(super) fn objects(
    session: &Session,
    template: &[Attribute],
    limit: usize,
) -> Result<Vec<ObjectHandle>, TokenError> {
    let found = session
        .iter_objects(template)
        .map_err(|error| token_error(&error))?;
    found
        .take(limit)
        .collect::<Result<_, _>>()
        .map_err(|error| token_error(&error))
}

/// `CKA_LABEL`
pub(super) fn label(session: &Session, object: ObjectHandle) -> String {
    legible(&String::from_utf8_lossy(
        &octets(session, object, AttributeType::Label).unwrap_or_default(),
    ))
}

/// An attribute that is octets. Absent where the token will not show it; each is asked for alone, because one that it
/// does not know makes some modules answer nothing.
pub(super) fn octets(session: &Session, object: ObjectHandle, attribute: AttributeType) -> Option<Vec<u8>> {
    match session.get_attributes(object, &[attribute]).ok()?.pop()? {
        Attribute::Id(value)
        | Attribute::Label(value)
        | Attribute::Value(value)
        | Attribute::Modulus(value)
        | Attribute::PublicExponent(value)
        | Attribute::EcParams(value)
        | Attribute::EcPoint(value) => Some(value),
        _ => None,
    }
}

/// Text from a token as a person may see it: without padding, and with controls and marks of direction made visible,
/// so that a label cannot pretend to be another.
fn legible(text: &str) -> String {
    let neutral = |character: char| match character {
        '\u{61c}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{2069}'
        | '\u{feff}' => char::REPLACEMENT_CHARACTER,
        control if control.is_control() => char::REPLACEMENT_CHARACTER,
        other => other,
    };
    text.trim_end_matches([' ', '\0'])
        .chars()
        .take(MAX_LABEL)
        .map(neutral)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::legible;

    #[test]
    fn labels_are_shown_without_padding_and_disguise() {
        assert_eq!(legible("Trần Thị Hương   \0\0"), "Trần Thị Hương");
        assert_eq!(legible("a\u{202e}b\nc"), "a\u{fffd}b\u{fffd}c");
    }
}
