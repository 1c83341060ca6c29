//! What tokens a module shows, and what lies on them in the open.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use cryptoki::object::{Attribute, AttributeType, CertificateType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::Session;
use cryptoki::slot::Slot;
use cryptoki_sys::{
    CKF_ERROR_STATE, CKF_LOGIN_REQUIRED, CKF_PROTECTED_AUTHENTICATION_PATH, CKF_SO_PIN_COUNT_LOW,
    CKF_SO_PIN_FINAL_TRY, CKF_SO_PIN_LOCKED, CKF_TOKEN_INITIALIZED, CKF_USER_PIN_COUNT_LOW,
    CKF_USER_PIN_FINAL_TRY, CKF_USER_PIN_INITIALIZED, CKF_USER_PIN_LOCKED, CKF_USER_PIN_TO_BE_CHANGED,
};
use trien_signatures::certificate::Certificate;

use super::failure::token_error;
use super::raw::{Module, TokenInfo};
use super::shown::Shown;
use super::{mechanism, public_key};
use crate::legible::neutral;
use crate::tokens::wire::{
    CertificateRecord, MAX_CERTIFICATE_BYTES, MAX_CERTIFICATES, MAX_KEYS, Octets, Surveyed, TokenName,
};
use crate::tokens::{PinNeed, PinState, RsaSchemes, TokenEntry, TokenError, TokenId};

/// The longest PIN that is taken where a token names no limit or a mad one, in bytes.
const MAX_PIN: usize = 255;

/// The longest label that is shown, in characters.
const MAX_LABEL: usize = 255;

/// How long the first tokens of a survey may take before no more certificates are read: the rest of its deadline is for
/// the one that is being read then.
const SURVEY: Duration = Duration::from_secs(1);

/// `CKR_DEVICE_ERROR`
const DEVICE_ERROR: u64 = 0x30;

/// `CKR_TOKEN_NOT_RECOGNIZED`
const TOKEN_NOT_RECOGNIZED: u64 = 0xe1;

/// How our own module ends the description of a slot whose token the user may not read.
const BARRED: &str = ", no right to read it";

/// Every token of the module. A slot that cannot be read costs its own token only.
pub(super) fn tokens(module: &Module, name: &str) -> Result<Vec<TokenEntry>, TokenError> {
    let read = |slot| match module.token_info(slot) {
        Ok(info) => Some(entry_of(module, slot, name, &info)),
        Err(error) => unreadable(module, slot, name, &error),
    };
    let mut tokens: Vec<_> = module.slots()?.into_iter().filter_map(read).collect();
    tell_apart(tokens.iter_mut());
    Ok(tokens)
}

/// Tokens of the same names are told apart by their slots, for as long as both are there.
fn tell_apart<'a>(tokens: impl Iterator<Item = &'a mut TokenEntry>) {
    let mut tokens: Vec<_> = tokens.collect();
    let ids: Vec<_> = tokens.iter().map(|entry| entry.id.clone()).collect();
    for entry in &mut tokens {
        if ids.iter().filter(|id| **id == entry.id).count() > 1 {
            entry.id.place = Some(entry.slot.to_string());
        }
    }
}

/// Every token of the module, each with its certificates until there are enough of them for one message, or it has
/// taken long.
pub(super) fn survey(module: &Module, name: &str, shown: &mut Shown) -> Result<Vec<Surveyed>, TokenError> {
    let began = Instant::now();
    let mut bytes = 0;
    let mut surveyed = Vec::new();
    for slot in module.slots()? {
        let info = match module.token_info(slot) {
            Ok(info) => info,
            Err(error) => {
                let of_entry = |entry| Surveyed {
                    provisional: false,
                    entry,
                    pin: None,
                    certificates: None,
                    more: false,
                };
                surveyed.extend(unreadable(module, slot, name, &error).map(of_entry));
                continue;
            }
        };
        let goes_on = info.has(CKF_TOKEN_INITIALIZED) && began.elapsed() < SURVEY;
        let certificates = goes_on
            .then(|| certificates_of(module, slot, &info, shown).ok())
            .flatten();
        let certificates = certificates.filter(|records| {
            bytes += records.iter().map(|record| record.der.0.len()).sum::<usize>();
            bytes <= MAX_CERTIFICATE_BYTES
        });
        surveyed.push(Surveyed {
            provisional: false,
            entry: entry_of(module, slot, name, &info),
            pin: Some(pin_need(&info)),
            certificates,
            more: false,
        });
    }
    tell_apart(surveyed.iter_mut().map(|token| &mut token.entry));
    Ok(surveyed)
}

/// The token in one slot.
pub(super) fn entry(module: &Module, slot: Slot, name: &str) -> Result<TokenEntry, TokenError> {
    Ok(entry_of(module, slot, name, &module.token_info(slot)?))
}

/// What the slot says that it is, which is the reader's name for a card.
pub(super) fn reader(module: &Module, slot: Slot) -> Option<String> {
    let place = module.get_slot_info(slot).ok()?;
    Some(legible(place.slot_description())).filter(|name| !name.is_empty())
}

fn entry_of(module: &Module, slot: Slot, name: &str, info: &TokenInfo) -> TokenEntry {
    let place = module.place_of(slot);
    let reader = place.hardware.then(|| reader(module, slot)).flatten();
    TokenEntry {
        id: TokenId {
            module: name.to_owned(),
            serial: info.serial.clone(),
            label: info.label.clone(),
            place: None,
        },
        slot: slot.id(),
        manufacturer: info.manufacturer.clone(),
        model: info.model.clone(),
        hardware: place.hardware,
        removable: place.removable,
        initialized: info.has(CKF_TOKEN_INITIALIZED),
        damaged: info.has(CKF_ERROR_STATE),
        barred: false,
        pin: pin_state(info),
        reader,
        rsa: rsa_schemes(module, slot),
    }
}

/// What stands for a software token of which `C_GetTokenInfo` says that it is there and cannot be read (5.5.6): it is
/// known by its slot's description alone. A card that is not recognised is another module's, and not damaged.
fn unreadable(module: &Module, slot: Slot, name: &str, error: &TokenError) -> Option<TokenEntry> {
    let is_damage = matches!(
        error,
        TokenError::Answered {
            number: DEVICE_ERROR | TOKEN_NOT_RECOGNIZED
        }
    );
    let kind = module.place_of(slot);
    if !is_damage || kind.hardware {
        return None;
    }
    let place = module.get_slot_info(slot).ok()?;
    let description = legible(place.slot_description());
    let barred = description.strip_suffix(BARRED).map(str::to_owned);
    Some(TokenEntry {
        barred: barred.is_some(),
        damaged: barred.is_none(),
        id: TokenId {
            module: name.to_owned(),
            serial: String::new(),
            label: barred.unwrap_or(description),
            place: None,
        },
        slot: slot.id(),
        manufacturer: legible(place.manufacturer_id()),
        model: String::new(),
        hardware: false,
        removable: kind.removable,
        initialized: false,
        pin: PinState::NotSet,
        reader: None,
        rsa: RsaSchemes::default(),
    })
}

/// By the token's list of mechanisms; one that has none to show is taken to make both.
fn rsa_schemes(module: &Module, slot: Slot) -> RsaSchemes {
    module.mechanisms(slot).map_or_else(
        |_| RsaSchemes::default(),
        |offered| mechanism::rsa_schemes(&offered),
    )
}

/// Finds a token by its name, wherever it is plugged in now.
pub(super) fn find(module: &Module, wanted: &TokenName) -> Result<(Slot, TokenInfo), TokenError> {
    module
        .slots()?
        .into_iter()
        .filter(|slot| {
            let here = || slot.id().to_string();
            wanted.place.as_ref().is_none_or(|place| *place == here())
        })
        .filter_map(|slot| Some((slot, module.token_info(slot).ok()?)))
        .find(|(_, info)| is_called(info, wanted))
        .ok_or(TokenError::Removed)
}

/// The token's state, if it is still the one in that slot.
pub(super) fn still_there(module: &Module, slot: Slot, wanted: &TokenName) -> Result<TokenInfo, TokenError> {
    let info = module.token_info(slot)?;
    if is_called(&info, wanted) {
        Ok(info)
    } else {
        Err(TokenError::Removed)
    }
}

fn is_called(info: &TokenInfo, wanted: &TokenName) -> bool {
    info.serial == wanted.serial && info.label == wanted.label
}

pub(super) fn pin_state(info: &TokenInfo) -> PinState {
    match () {
        () if !info.has(CKF_LOGIN_REQUIRED) && info.has(CKF_TOKEN_INITIALIZED) => PinState::NotNeeded,
        () if !info.has(CKF_USER_PIN_INITIALIZED) => PinState::NotSet,
        () if info.has(CKF_USER_PIN_LOCKED) => PinState::Locked,
        () if info.has(CKF_USER_PIN_FINAL_TRY) => PinState::LastTry,
        () if info.has(CKF_USER_PIN_COUNT_LOW) => PinState::FewTries,
        () if info.has(CKF_USER_PIN_TO_BE_CHANGED) => PinState::ToBeChanged,
        () => PinState::Ready,
    }
}

/// How it stands with the security officer's PIN, as far as flags tell.
pub(super) fn officer_state(info: &TokenInfo) -> PinState {
    match () {
        () if info.has(CKF_SO_PIN_LOCKED) => PinState::Locked,
        () if info.has(CKF_SO_PIN_FINAL_TRY) => PinState::LastTry,
        () if info.has(CKF_SO_PIN_COUNT_LOW) => PinState::FewTries,
        () => PinState::Ready,
    }
}

/// How a token takes its PIN.
pub(super) fn pin_need(info: &TokenInfo) -> PinNeed {
    let state = pin_state(info);
    match state {
        PinState::NotNeeded => PinNeed::NotNeeded,
        PinState::Locked => PinNeed::Locked,
        _ if info.has(CKF_PROTECTED_AUTHENTICATION_PATH) => PinNeed::Reader { state },
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
    let max = match info.max_pin {
        0 => MAX_PIN,
        length => length.min(MAX_PIN),
    };
    (info.min_pin.clamp(1, max), max)
}

/// The certificates that can be read without a PIN.
pub(super) fn certificates(
    module: &Module,
    token: &TokenName,
    shown: &mut Shown,
) -> Result<Vec<CertificateRecord>, TokenError> {
    let (slot, info) = find(module, token)?;
    certificates_of(module, slot, &info, shown)
}

fn certificates_of(
    module: &Module,
    slot: Slot,
    info: &TokenInfo,
    shown: &mut Shown,
) -> Result<Vec<CertificateRecord>, TokenError> {
    let stay = shown.stay(module, slot);
    let session = module
        .open_ro_session(slot)
        .map_err(|error| token_error(&error))?;
    let records = certificates_in(module, &session, info.has(CKF_LOGIN_REQUIRED))?;
    shown.keep(slot, stay, &records);
    Ok(records)
}

/// The certificates that a session sees; `may_hide` if it has not logged in to a token that wants it.
pub(super) fn certificates_in(
    module: &Module,
    session: &Session,
    may_hide: bool,
) -> Result<Vec<CertificateRecord>, TokenError> {
    let keys = private_key_ids(module, session)?;
    let public_keys = public_keys(module, session)?;
    // Before login a token shows no private key, or only those that need none (OpenSC with PIV's 9E): then a public key
    // says that there is another half.
    let may_have =
        |id: &Vec<u8>| may_hide && (keys.is_empty() || public_keys.iter().any(|key| key.id == *id));
    let template = [
        Attribute::Class(ObjectClass::CERTIFICATE),
        Attribute::CertificateType(CertificateType::X_509),
    ];
    let mut records = Vec::new();
    let mut bytes = 0;
    for object in objects(module, session, &template, MAX_CERTIFICATES)? {
        let Some((label, mut id, der)) = read_certificate(module, session, object) else {
            continue;
        };
        let pairing = pair(&public_keys, &id, &der);
        if let Pairing::Key(of_key) = pairing {
            id = of_key.to_vec();
        }
        bytes += der.len();
        if bytes > MAX_CERTIFICATE_BYTES {
            tracing::warn!("the token holds more certificates than are looked at");
            break;
        }
        let key = match pairing {
            Pairing::Key(_) => keys.contains(&id) || may_have(&id),
            // Nothing is told apart by an id that is none. An authority's certificate is there for the sake of others, unless
            // its key shows.
            Pairing::ByName if !id.is_empty() => keys.contains(&id) || may_have(&id) && !is_authoritys(&der),
            Pairing::ByName | Pairing::None => false,
        };
        records.push(CertificateRecord {
            label,
            id: Octets(id),
            der: Octets(der),
            key,
        });
    }
    Ok(records)
}

fn is_authoritys(der: &[u8]) -> bool {
    Certificate::from_der(der).is_ok_and(|certificate| certificate.is_ca())
}

/// A public key object.
struct PublicKey {
    /// `CKA_ID`
    id: Vec<u8>,
    /// DER of the `SubjectPublicKeyInfo`
    info: Vec<u8>,
}

/// The public keys, which tokens show without a PIN.
fn public_keys(module: &Module, session: &Session) -> Result<Vec<PublicKey>, TokenError> {
    let keys = objects(
        module,
        session,
        &[Attribute::Class(ObjectClass::PUBLIC_KEY)],
        MAX_KEYS,
    )?;
    let read = |key| {
        let key_type = key_type(module, session, key)?;
        Some(PublicKey {
            id: octets(module, session, key, AttributeType::Id)?,
            info: public_key::read(module, session, key, key_type)?,
        })
    };
    Ok(keys.into_iter().filter_map(read).collect())
}

/// Which key a certificate is about.
enum Pairing<'a> {
    /// The public half of this `CKA_ID` is in it: some programs give certificates ids of their own, or several the same.
    Key(&'a [u8]),
    /// As far as anybody can see, that of its own `CKA_ID`.
    ByName,
    /// The key of its `CKA_ID` is another one, and its own is not there.
    None,
}

/// By the public keys that the token shows; by `CKA_ID` where they say nothing.
fn pair<'a>(public_keys: &'a [PublicKey], id: &[u8], der: &[u8]) -> Pairing<'a> {
    let Ok(certificate) = Certificate::from_der(der) else {
        return Pairing::ByName;
    };
    let own = certificate.public_key_der();
    let fits = |key: &&PublicKey| key.info == own;
    let mut named = public_keys.iter().filter(|key| key.id == id);
    match named.clone().find(fits).or_else(|| public_keys.iter().find(fits)) {
        Some(key) => Pairing::Key(&key.id),
        None if named.any(|key| public_key::differs(&key.info, own)) => Pairing::None,
        None => Pairing::ByName,
    }
}

fn private_key_ids(module: &Module, session: &Session) -> Result<HashSet<Vec<u8>>, TokenError> {
    let keys = objects(
        module,
        session,
        &[Attribute::Class(ObjectClass::PRIVATE_KEY)],
        MAX_KEYS,
    )?;
    Ok(keys
        .into_iter()
        .filter_map(|key| octets(module, session, key, AttributeType::Id))
        .collect())
}

fn read_certificate(
    module: &Module,
    session: &Session,
    object: ObjectHandle,
) -> Option<(String, Vec<u8>, Vec<u8>)> {
    let der = octets(module, session, object, AttributeType::Value).filter(|der| !der.is_empty())?;
    let id = octets(module, session, object, AttributeType::Id).unwrap_or_default();
    Some((label(module, session, object), id, der))
}

/// The objects that fit a template, at most `limit`.
pub(super) fn objects(
    module: &Module,
    session: &Session,
    template: &[Attribute],
    limit: usize,
) -> Result<Vec<ObjectHandle>, TokenError> {
    module.objects(session, template, limit)
}

/// `CKA_LABEL`
pub(super) fn label(module: &Module, session: &Session, object: ObjectHandle) -> String {
    legible(&String::from_utf8_lossy(
        &octets(module, session, object, AttributeType::Label).unwrap_or_default(),
    ))
}

/// An attribute that is octets. Absent where the token will not show it; each is asked for alone, because one that it
/// does not know makes some modules answer nothing.
pub(super) fn octets(
    module: &Module,
    session: &Session,
    object: ObjectHandle,
    attribute: AttributeType,
) -> Option<Vec<u8>> {
    module.attribute(session, object, attribute)
}

/// `CKA_KEY_TYPE`
pub(super) fn key_type(module: &Module, session: &Session, key: ObjectHandle) -> Option<KeyType> {
    let value = octets(module, session, key, AttributeType::KeyType)?;
    // CK_ULONG, as this machine has it.
    let number = u64::from_ne_bytes(value.try_into().ok()?);
    KeyType::try_from(number).ok()
}

/// A `CK_BBOOL`; false where the token does not show it.
pub(super) fn is_true(
    module: &Module,
    session: &Session,
    object: ObjectHandle,
    attribute: AttributeType,
) -> bool {
    octets(module, session, object, attribute).is_some_and(|value| value == [1])
}

/// Text from a token as a person may see it: without padding, and with controls and marks of direction made visible,
/// so that a label cannot pretend to be another.
pub(super) fn legible(text: &str) -> String {
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
