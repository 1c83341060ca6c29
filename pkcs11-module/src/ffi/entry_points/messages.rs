//! Operations on messages, each with its own parameter (3.0, sections 5.9, 5.11, 5.14, 5.16).

use std::ffi::c_void;

use cryptoki_sys::*;

use super::super::parameter::{kind_or_none, mechanism_or_none, message, write_message};
use super::super::{bytes, present, write_out};
use super::{Bytes, Length, Mechanism, Object, Session, entry_points};
use crate::api::messages::ciphers::{self, Told, Use};
use crate::api::messages::signatures;

entry_points! {
    C_MessageEncryptInit(session: Session, call: Mechanism, key: Object) |library| =>
        ciphers::init(library, session, Use::Encrypt, kind_or_none(call)?, key);
    C_EncryptMessage(
        session: Session, parameter: *mut c_void, parameter_len: CK_ULONG, additional: Bytes,
        additional_len: CK_ULONG, data: Bytes, data_len: CK_ULONG, out: Bytes, out_len: Length
    ) |library| => {
        let mut told = Told::default();
        write_out(out, out_len, |room| {
            let given = message(parameter, parameter_len)?;
            let data = [bytes(additional, additional_len)?, bytes(data, data_len)?];
            let (answer, tells) = ciphers::whole(library, session, Use::Encrypt, &given, data, room?)?;
            told = tells;
            Ok(answer)
        })?;
        write_message(parameter, parameter_len, &told)
    };
    C_EncryptMessageBegin(
        session: Session, parameter: *mut c_void, parameter_len: CK_ULONG, additional: Bytes,
        additional_len: CK_ULONG
    ) |library| => {
        let given = message(parameter, parameter_len)?;
        let additional = bytes(additional, additional_len)?;
        let told = ciphers::begin(library, session, Use::Encrypt, &given, additional)?;
        write_message(parameter, parameter_len, &told)
    };
    C_EncryptMessageNext(
        session: Session, parameter: *mut c_void, parameter_len: CK_ULONG, part: Bytes, part_len: CK_ULONG,
        out: Bytes, out_len: Length, flags: CK_FLAGS
    ) |library| => {
        let mut told = Told::default();
        write_out(out, out_len, |room| {
            let given = message(parameter, parameter_len)?;
            let (part, is_last) = (bytes(part, part_len)?, flags & CKF_END_OF_MESSAGE != 0);
            let (answer, tells) = ciphers::next(library, session, Use::Encrypt, &given, part, is_last, room?)?;
            told = tells;
            Ok(answer)
        })?;
        write_message(parameter, parameter_len, &told)
    };
    C_MessageEncryptFinal(session: Session) |library| => ciphers::finish(library, session, Use::Encrypt);

    C_MessageDecryptInit(session: Session, call: Mechanism, key: Object) |library| =>
        ciphers::init(library, session, Use::Decrypt, kind_or_none(call)?, key);
    C_DecryptMessage(
        session: Session, parameter: *mut c_void, parameter_len: CK_ULONG, additional: Bytes,
        additional_len: CK_ULONG, data: Bytes, data_len: CK_ULONG, out: Bytes, out_len: Length
    ) |library| => {
        let mut told = Told::default();
        write_out(out, out_len, |room| {
            let given = message(parameter, parameter_len)?;
            let data = [bytes(additional, additional_len)?, bytes(data, data_len)?];
            let (answer, tells) = ciphers::whole(library, session, Use::Decrypt, &given, data, room?)?;
            told = tells;
            Ok(answer)
        })?;
        write_message(parameter, parameter_len, &told)
    };
    C_DecryptMessageBegin(
        session: Session, parameter: *mut c_void, parameter_len: CK_ULONG, additional: Bytes,
        additional_len: CK_ULONG
    ) |library| => {
        let given = message(parameter, parameter_len)?;
        let additional = bytes(additional, additional_len)?;
        let told = ciphers::begin(library, session, Use::Decrypt, &given, additional)?;
        write_message(parameter, parameter_len, &told)
    };
    C_DecryptMessageNext(
        session: Session, parameter: *mut c_void, parameter_len: CK_ULONG, part: Bytes, part_len: CK_ULONG,
        out: Bytes, out_len: Length, flags: CK_FLAGS
    ) |library| => {
        let mut told = Told::default();
        write_out(out, out_len, |room| {
            let given = message(parameter, parameter_len)?;
            let (part, is_last) = (bytes(part, part_len)?, flags & CKF_END_OF_MESSAGE != 0);
            let (answer, tells) = ciphers::next(library, session, Use::Decrypt, &given, part, is_last, room?)?;
            told = tells;
            Ok(answer)
        })?;
        write_message(parameter, parameter_len, &told)
    };
    C_MessageDecryptFinal(session: Session) |library| => ciphers::finish(library, session, Use::Decrypt);

    C_MessageSignInit(session: Session, call: Mechanism, key: Object) |library| =>
        signatures::sign_init(library, session, mechanism_or_none(call)?.as_ref(), key);
    C_SignMessage(
        session: Session, parameter: *mut c_void, parameter_len: CK_ULONG, data: Bytes, data_len: CK_ULONG,
        out: Bytes, out_len: Length
    ) |library| => {
        signatures::check_parameter(bytes(parameter.cast(), parameter_len)?)?;
        write_out(out, out_len, |room| signatures::sign(library, session, bytes(data, data_len)?, room?))
    };
    C_SignMessageBegin(session: Session, parameter: *mut c_void, parameter_len: CK_ULONG) |library| => {
        signatures::check_parameter(bytes(parameter.cast(), parameter_len)?)?;
        signatures::sign_begin(library, session)
    };
    C_SignMessageNext(
        session: Session, parameter: *mut c_void, parameter_len: CK_ULONG, data: Bytes, data_len: CK_ULONG,
        out: Bytes, out_len: Length
    ) |library| => {
        signatures::check_parameter(bytes(parameter.cast(), parameter_len)?)?;
        if out_len.is_null() {
            // Without a place for the signature's length there is more to come.
            signatures::sign_next(library, session, bytes(data, data_len)?)
        } else {
            write_out(out, out_len, |room| signatures::sign_last(library, session, bytes(data, data_len)?, room?))
        }
    };
    C_MessageSignFinal(session: Session) |library| => signatures::sign_final(library, session);

    C_MessageVerifyInit(session: Session, call: Mechanism, key: Object) |library| =>
        signatures::verify_init(library, session, mechanism_or_none(call)?.as_ref(), key);
    C_VerifyMessage(
        session: Session, parameter: *mut c_void, parameter_len: CK_ULONG, data: Bytes, data_len: CK_ULONG,
        signature: Bytes, signature_len: CK_ULONG
    ) |library| => {
        signatures::check_parameter(bytes(parameter.cast(), parameter_len)?)?;
        signatures::verify(library, session, bytes(data, data_len)?, present(signature, signature_len)?)
    };
    C_VerifyMessageBegin(session: Session, parameter: *mut c_void, parameter_len: CK_ULONG) |library| => {
        signatures::check_parameter(bytes(parameter.cast(), parameter_len)?)?;
        signatures::verify_begin(library, session)
    };
    C_VerifyMessageNext(
        session: Session, parameter: *mut c_void, parameter_len: CK_ULONG, data: Bytes, data_len: CK_ULONG,
        signature: Bytes, signature_len: CK_ULONG
    ) |library| => {
        signatures::check_parameter(bytes(parameter.cast(), parameter_len)?)?;
        // Without a signature there is more to come.
        let known = if signature.is_null() { None } else { Some(bytes(signature, signature_len)?) };
        signatures::verify_next(library, session, bytes(data, data_len)?, known)
    };
    C_MessageVerifyFinal(session: Session) |library| => signatures::verify_final(library, session);
}
