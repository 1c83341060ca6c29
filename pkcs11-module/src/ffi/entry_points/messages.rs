//! Operations on messages, each with its own parameter (3.0, sections 5.9, 5.11, 5.14, 5.16).

use std::ffi::c_void;

use cryptoki_sys::*;

use super::super::parameter::mechanism_or_none;
use super::super::{bytes, present, write_out};
use super::{Bytes, Length, Mechanism, Object, Session, entry_points};
use crate::api::{absent, messages};

entry_points! {
    C_MessageEncryptInit(session: Session, _call: Mechanism, _key: Object) |library| =>
        absent::refuse(library, session);
    C_EncryptMessage(
        session: Session, _parameter: *mut c_void, _parameter_len: CK_ULONG, _additional: Bytes,
        _additional_len: CK_ULONG, _data: Bytes, _data_len: CK_ULONG, _out: Bytes, _out_len: Length
    ) |library| => absent::refuse(library, session);
    C_EncryptMessageBegin(
        session: Session, _parameter: *mut c_void, _parameter_len: CK_ULONG, _additional: Bytes,
        _additional_len: CK_ULONG
    ) |library| => absent::refuse(library, session);
    C_EncryptMessageNext(
        session: Session, _parameter: *mut c_void, _parameter_len: CK_ULONG, _part: Bytes, _part_len: CK_ULONG,
        _out: Bytes, _out_len: Length, _flags: CK_FLAGS
    ) |library| => absent::refuse(library, session);
    C_MessageEncryptFinal(session: Session) |library| => absent::refuse(library, session);

    C_MessageDecryptInit(session: Session, _call: Mechanism, _key: Object) |library| =>
        absent::refuse(library, session);
    C_DecryptMessage(
        session: Session, _parameter: *mut c_void, _parameter_len: CK_ULONG, _additional: Bytes,
        _additional_len: CK_ULONG, _data: Bytes, _data_len: CK_ULONG, _out: Bytes, _out_len: Length
    ) |library| => absent::refuse(library, session);
    C_DecryptMessageBegin(
        session: Session, _parameter: *mut c_void, _parameter_len: CK_ULONG, _additional: Bytes,
        _additional_len: CK_ULONG
    ) |library| => absent::refuse(library, session);
    C_DecryptMessageNext(
        session: Session, _parameter: *mut c_void, _parameter_len: CK_ULONG, _part: Bytes, _part_len: CK_ULONG,
        _out: Bytes, _out_len: Length, _flags: CK_FLAGS
    ) |library| => absent::refuse(library, session);
    C_MessageDecryptFinal(session: Session) |library| => absent::refuse(library, session);

    C_MessageSignInit(session: Session, call: Mechanism, key: Object) |library| =>
        messages::sign_init(library, session, mechanism_or_none(call)?.as_ref(), key);
    C_SignMessage(
        session: Session, parameter: *mut c_void, parameter_len: CK_ULONG, data: Bytes, data_len: CK_ULONG,
        out: Bytes, out_len: Length
    ) |library| => {
        messages::check_parameter(bytes(parameter.cast(), parameter_len)?)?;
        write_out(out, out_len, |room| messages::sign(library, session, bytes(data, data_len)?, room?))
    };
    C_SignMessageBegin(session: Session, parameter: *mut c_void, parameter_len: CK_ULONG) |library| => {
        messages::check_parameter(bytes(parameter.cast(), parameter_len)?)?;
        messages::sign_begin(library, session)
    };
    C_SignMessageNext(
        session: Session, parameter: *mut c_void, parameter_len: CK_ULONG, data: Bytes, data_len: CK_ULONG,
        out: Bytes, out_len: Length
    ) |library| => {
        messages::check_parameter(bytes(parameter.cast(), parameter_len)?)?;
        if out_len.is_null() {
            // Without a place for the signature's length there is more to come.
            messages::sign_next(library, session, bytes(data, data_len)?)
        } else {
            write_out(out, out_len, |room| messages::sign_last(library, session, bytes(data, data_len)?, room?))
        }
    };
    C_MessageSignFinal(session: Session) |library| => messages::sign_final(library, session);

    C_MessageVerifyInit(session: Session, call: Mechanism, key: Object) |library| =>
        messages::verify_init(library, session, mechanism_or_none(call)?.as_ref(), key);
    C_VerifyMessage(
        session: Session, parameter: *mut c_void, parameter_len: CK_ULONG, data: Bytes, data_len: CK_ULONG,
        signature: Bytes, signature_len: CK_ULONG
    ) |library| => {
        messages::check_parameter(bytes(parameter.cast(), parameter_len)?)?;
        messages::verify(library, session, bytes(data, data_len)?, present(signature, signature_len)?)
    };
    C_VerifyMessageBegin(session: Session, parameter: *mut c_void, parameter_len: CK_ULONG) |library| => {
        messages::check_parameter(bytes(parameter.cast(), parameter_len)?)?;
        messages::verify_begin(library, session)
    };
    C_VerifyMessageNext(
        session: Session, parameter: *mut c_void, parameter_len: CK_ULONG, data: Bytes, data_len: CK_ULONG,
        signature: Bytes, signature_len: CK_ULONG
    ) |library| => {
        messages::check_parameter(bytes(parameter.cast(), parameter_len)?)?;
        // Without a signature there is more to come.
        let known = if signature.is_null() { None } else { Some(bytes(signature, signature_len)?) };
        messages::verify_next(library, session, bytes(data, data_len)?, known)
    };
    C_MessageVerifyFinal(session: Session) |library| => messages::verify_final(library, session);
}
