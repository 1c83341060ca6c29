//! Key management (2.40, section 5.14; 3.2, section 5.18).

use cryptoki_sys::*;

use super::super::parameter::{mechanism, wrapping_parameter, write_additional};
use super::super::{bytes, place, template, write, write_out};
use super::{Attributes, Bytes, Length, Mechanism, Object, Session, entry_points};
use crate::api::messages::ciphers::Told;
use crate::api::wrapping::authenticated;
use crate::api::{derivation, encapsulation, keys, wrapping};

entry_points! {
    C_GenerateKey(
        session: Session, call: Mechanism, list: Attributes, count: CK_ULONG, key: *mut CK_OBJECT_HANDLE
    ) |library| =>
        write(key, || keys::generate(library, session, &mechanism(call)?, &template(list, count)?));
    C_GenerateKeyPair(
        session: Session, call: Mechanism, public: Attributes, public_count: CK_ULONG,
        private: Attributes, private_count: CK_ULONG,
        public_key: *mut CK_OBJECT_HANDLE, private_key: *mut CK_OBJECT_HANDLE
    ) |library| => {
        // Both places are looked at before a key exists that nobody could name.
        place(public_key)?;
        place(private_key)?;
        let pair = keys::generate_pair(
            library, session, &mechanism(call)?, &template(public, public_count)?, &template(private, private_count)?,
        )?;
        write(public_key, || Ok(pair.public))?;
        write(private_key, || Ok(pair.private))
    };
    C_WrapKey(
        session: Session, call: Mechanism, wrapping: Object, key: Object, out: Bytes, out_len: Length
    ) |library| => write_out(out, out_len, |room| {
        wrapping::wrap(library, session, &mechanism(call)?, wrapping, key, room?)
    });
    C_UnwrapKey(
        session: Session, call: Mechanism, unwrapping: Object, wrapped: Bytes, wrapped_len: CK_ULONG,
        list: Attributes, count: CK_ULONG, key: *mut CK_OBJECT_HANDLE
    ) |library| => write(key, || {
        let wrapped = bytes(wrapped, wrapped_len)?;
        wrapping::unwrap(library, session, &mechanism(call)?, unwrapping, wrapped, &template(list, count)?)
    });
    C_DeriveKey(
        session: Session, call: Mechanism, base: Object, list: Attributes, count: CK_ULONG,
        key: *mut CK_OBJECT_HANDLE
    ) |library| => {
        place(key)?;
        let keys = derivation::derive(library, session, &mechanism(call)?, base, &template(list, count)?)?;
        write(key, || Ok(keys.key))?;
        write_additional(call, &keys.additional)
    };

    // Since 3.2.
    C_EncapsulateKey(
        session: Session, call: Mechanism, public: Object, list: Attributes, count: CK_ULONG,
        out: Bytes, out_len: Length, key: *mut CK_OBJECT_HANDLE
    ) |library| => {
        // A length query makes no key, so it needs no place for one.
        if !out.is_null() {
            place(key)?;
        }
        let mut made = None;
        write_out(out, out_len, |room| {
            let (answer, handle) = encapsulation::encapsulate(
                library, session, &mechanism(call)?, public, &template(list, count)?, room?,
            )?;
            made = handle;
            Ok(answer)
        })?;
        made.map_or(Ok(()), |handle| write(key, || Ok(handle)))
    };
    C_DecapsulateKey(
        session: Session, call: Mechanism, private: Object, list: Attributes, count: CK_ULONG,
        ciphertext: Bytes, ciphertext_len: CK_ULONG, key: *mut CK_OBJECT_HANDLE
    ) |library| => write(key, || {
        let ciphertext = bytes(ciphertext, ciphertext_len)?;
        encapsulation::decapsulate(library, session, &mechanism(call)?, private, &template(list, count)?, ciphertext)
    });
    C_WrapKeyAuthenticated(
        session: Session, call: Mechanism, wrapping: Object, key: Object,
        additional: Bytes, additional_len: CK_ULONG, out: Bytes, out_len: Length
    ) |library| => {
        let (mut told, mut places) = (Told::default(), None);
        write_out(out, out_len, |room| {
            let (kind, parameter, written) = wrapping_parameter(call)?;
            let additional = bytes(additional, additional_len)?;
            let handles = [wrapping, key];
            let (answer, tells) =
                authenticated::wrap(library, session, (kind, &parameter), handles, additional, room?)?;
            (told, places) = (tells, Some(written));
            Ok(answer)
        })?;
        places.map_or(Ok(()), |places| places.write(&told))
    };
    C_UnwrapKeyAuthenticated(
        session: Session, call: Mechanism, unwrapping: Object, wrapped: Bytes, wrapped_len: CK_ULONG,
        list: Attributes, count: CK_ULONG, additional: Bytes, additional_len: CK_ULONG,
        key: *mut CK_OBJECT_HANDLE
    ) |library| => write(key, || {
        let (kind, parameter, _) = wrapping_parameter(call)?;
        let data = [bytes(wrapped, wrapped_len)?, bytes(additional, additional_len)?];
        authenticated::unwrap(library, session, (kind, &parameter), unwrapping, data, &template(list, count)?)
    });
}
