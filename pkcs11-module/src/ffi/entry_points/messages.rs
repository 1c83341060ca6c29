//! Operations on messages, each with its own parameter (3.0, sections 5.9, 5.11, 5.14, 5.16).

use std::ffi::c_void;

use cryptoki_sys::*;

use super::{Bytes, Length, Mechanism, Object, Session, entry_points};
use crate::api::absent;

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

    C_MessageSignInit(session: Session, _call: Mechanism, _key: Object) |library| =>
        absent::refuse(library, session);
    C_SignMessage(
        session: Session, _parameter: *mut c_void, _parameter_len: CK_ULONG, _data: Bytes, _data_len: CK_ULONG,
        _out: Bytes, _out_len: Length
    ) |library| => absent::refuse(library, session);
    C_SignMessageBegin(session: Session, _parameter: *mut c_void, _parameter_len: CK_ULONG) |library| =>
        absent::refuse(library, session);
    C_SignMessageNext(
        session: Session, _parameter: *mut c_void, _parameter_len: CK_ULONG, _data: Bytes, _data_len: CK_ULONG,
        _out: Bytes, _out_len: Length
    ) |library| => absent::refuse(library, session);
    C_MessageSignFinal(session: Session) |library| => absent::refuse(library, session);

    C_MessageVerifyInit(session: Session, _call: Mechanism, _key: Object) |library| =>
        absent::refuse(library, session);
    C_VerifyMessage(
        session: Session, _parameter: *mut c_void, _parameter_len: CK_ULONG, _data: Bytes, _data_len: CK_ULONG,
        _signature: Bytes, _signature_len: CK_ULONG
    ) |library| => absent::refuse(library, session);
    C_VerifyMessageBegin(session: Session, _parameter: *mut c_void, _parameter_len: CK_ULONG) |library| =>
        absent::refuse(library, session);
    C_VerifyMessageNext(
        session: Session, _parameter: *mut c_void, _parameter_len: CK_ULONG, _data: Bytes, _data_len: CK_ULONG,
        _signature: Bytes, _signature_len: CK_ULONG
    ) |library| => absent::refuse(library, session);
    C_MessageVerifyFinal(session: Session) |library| => absent::refuse(library, session);
}
