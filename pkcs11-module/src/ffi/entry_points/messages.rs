//! Operations on messages, each with its own parameter (3.0, sections 5.9, 5.11, 5.14, 5.16).

use std::ffi::c_void;

use cryptoki_sys::*;

use super::super::parameter::{kind_or_none, mechanism_or_none, message, write_message};
use super::super::{bytes, present, write_out};
use super::{Bytes, Length, Mechanism, Object, Session, entry_points};
use crate::api::messages::ciphers::{self, Told, Use};
use crate::api::messages::signatures;
use crate::error::Result;
use crate::library::Library;
use crate::mechanism::{Signing, Verifying};

type Parameter = *mut c_void;

entry_points! {
    C_MessageEncryptInit(session: Session, call: Mechanism, key: Object) |library| =>
        ciphers::init(library, session, Use::Encrypt, kind_or_none(call)?, key);
    C_EncryptMessage(
        session: Session, parameter: Parameter, parameter_len: CK_ULONG, additional: Bytes,
        additional_len: CK_ULONG, data: Bytes, data_len: CK_ULONG, out: Bytes, out_len: Length
    ) |library| => whole(
        (library, session, Use::Encrypt), (parameter, parameter_len), (additional, additional_len), (data, data_len),
        (out, out_len),
    );
    C_EncryptMessageBegin(
        session: Session, parameter: Parameter, parameter_len: CK_ULONG, additional: Bytes,
        additional_len: CK_ULONG
    ) |library| =>
        begin((library, session, Use::Encrypt), (parameter, parameter_len), (additional, additional_len));
    C_EncryptMessageNext(
        session: Session, parameter: Parameter, parameter_len: CK_ULONG, part: Bytes, part_len: CK_ULONG,
        out: Bytes, out_len: Length, flags: CK_FLAGS
    ) |library| => next(
        (library, session, Use::Encrypt), (parameter, parameter_len), (part, part_len), (out, out_len), flags,
    );
    C_MessageEncryptFinal(session: Session) |library| => ciphers::finish(library, session, Use::Encrypt);

    C_MessageDecryptInit(session: Session, call: Mechanism, key: Object) |library| =>
        ciphers::init(library, session, Use::Decrypt, kind_or_none(call)?, key);
    C_DecryptMessage(
        session: Session, parameter: Parameter, parameter_len: CK_ULONG, additional: Bytes,
        additional_len: CK_ULONG, data: Bytes, data_len: CK_ULONG, out: Bytes, out_len: Length
    ) |library| => whole(
        (library, session, Use::Decrypt), (parameter, parameter_len), (additional, additional_len), (data, data_len),
        (out, out_len),
    );
    C_DecryptMessageBegin(
        session: Session, parameter: Parameter, parameter_len: CK_ULONG, additional: Bytes,
        additional_len: CK_ULONG
    ) |library| =>
        begin((library, session, Use::Decrypt), (parameter, parameter_len), (additional, additional_len));
    C_DecryptMessageNext(
        session: Session, parameter: Parameter, parameter_len: CK_ULONG, part: Bytes, part_len: CK_ULONG,
        out: Bytes, out_len: Length, flags: CK_FLAGS
    ) |library| => next(
        (library, session, Use::Decrypt), (parameter, parameter_len), (part, part_len), (out, out_len), flags,
    );
    C_MessageDecryptFinal(session: Session) |library| => ciphers::finish(library, session, Use::Decrypt);

    C_MessageSignInit(session: Session, call: Mechanism, key: Object) |library| =>
        signatures::init::<dyn Signing>(library, session, mechanism_or_none(call)?.as_ref(), key);
    C_SignMessage(
        session: Session, parameter: Parameter, parameter_len: CK_ULONG, data: Bytes, data_len: CK_ULONG,
        out: Bytes, out_len: Length
    ) |library| => {
        signatures::check_parameter(bytes(parameter.cast(), parameter_len)?)?;
        write_out(out, out_len, |room| signatures::sign(library, session, bytes(data, data_len)?, room?))
    };
    C_SignMessageBegin(session: Session, parameter: Parameter, parameter_len: CK_ULONG) |library| => {
        signatures::check_parameter(bytes(parameter.cast(), parameter_len)?)?;
        signatures::begin::<dyn Signing>(library, session)
    };
    C_SignMessageNext(
        session: Session, parameter: Parameter, parameter_len: CK_ULONG, data: Bytes, data_len: CK_ULONG,
        out: Bytes, out_len: Length
    ) |library| => {
        signatures::check_parameter(bytes(parameter.cast(), parameter_len)?)?;
        if out_len.is_null() {
            // Without a place for the signature's length there is more to come.
            signatures::next::<dyn Signing>(library, session, bytes(data, data_len)?)
        } else {
            write_out(out, out_len, |room| signatures::sign_last(library, session, bytes(data, data_len)?, room?))
        }
    };
    C_MessageSignFinal(session: Session) |library| => signatures::finish::<dyn Signing>(library, session);

    C_MessageVerifyInit(session: Session, call: Mechanism, key: Object) |library| =>
        signatures::init::<dyn Verifying>(library, session, mechanism_or_none(call)?.as_ref(), key);
    C_VerifyMessage(
        session: Session, parameter: Parameter, parameter_len: CK_ULONG, data: Bytes, data_len: CK_ULONG,
        signature: Bytes, signature_len: CK_ULONG
    ) |library| => {
        signatures::check_parameter(bytes(parameter.cast(), parameter_len)?)?;
        signatures::verify(library, session, bytes(data, data_len)?, present(signature, signature_len)?)
    };
    C_VerifyMessageBegin(session: Session, parameter: Parameter, parameter_len: CK_ULONG) |library| => {
        signatures::check_parameter(bytes(parameter.cast(), parameter_len)?)?;
        signatures::begin::<dyn Verifying>(library, session)
    };
    C_VerifyMessageNext(
        session: Session, parameter: Parameter, parameter_len: CK_ULONG, data: Bytes, data_len: CK_ULONG,
        signature: Bytes, signature_len: CK_ULONG
    ) |library| => {
        signatures::check_parameter(bytes(parameter.cast(), parameter_len)?)?;
        if signature.is_null() {
            // Without a signature there is more to come.
            signatures::next::<dyn Verifying>(library, session, bytes(data, data_len)?)
        } else {
            let signature = bytes(signature, signature_len)?;
            signatures::verify_last(library, session, bytes(data, data_len)?, signature)
        }
    };
    C_MessageVerifyFinal(session: Session) |library| => signatures::finish::<dyn Verifying>(library, session);
}

/// Whose messages, and what is done with them.
type Of<'a> = (&'a Library, Session, Use);

/// # Safety
/// The parameter is a message's and as long as it says, and so is the data; if `out_len` is not NULL it points to a
/// length, and there is room for as many bytes at `out` if that is not NULL.
unsafe fn whole(
    (library, session, which): Of<'_>,
    (parameter, parameter_len): (Parameter, CK_ULONG),
    (additional, additional_len): (Bytes, CK_ULONG),
    (data, data_len): (Bytes, CK_ULONG),
    (out, out_len): (Bytes, Length),
) -> Result<()> {
    let mut told = Told::default();
    // SAFETY: the caller's promise is that of every function called here.
    unsafe {
        write_out(out, out_len, |room| {
            let given = message(parameter, parameter_len)?;
            let data = [bytes(additional, additional_len)?, bytes(data, data_len)?];
            let (answer, tells) = ciphers::whole(library, session, which, &given, data, room?)?;
            told = tells;
            Ok(answer)
        })?;
        write_message(parameter, parameter_len, &told)
    }
}

/// # Safety
/// As for [`whole`].
unsafe fn begin(
    (library, session, which): Of<'_>,
    (parameter, parameter_len): (Parameter, CK_ULONG),
    (additional, additional_len): (Bytes, CK_ULONG),
) -> Result<()> {
    // SAFETY: the caller's promise is that of every function called here.
    unsafe {
        let given = message(parameter, parameter_len)?;
        let additional = bytes(additional, additional_len)?;
        let told = ciphers::begin(library, session, which, &given, additional)?;
        write_message(parameter, parameter_len, &told)
    }
}

/// # Safety
/// As for [`whole`].
unsafe fn next(
    (library, session, which): Of<'_>,
    (parameter, parameter_len): (Parameter, CK_ULONG),
    (part, part_len): (Bytes, CK_ULONG),
    (out, out_len): (Bytes, Length),
    flags: CK_FLAGS,
) -> Result<()> {
    let mut told = Told::default();
    // SAFETY: the caller's promise is that of every function called here.
    unsafe {
        write_out(out, out_len, |room| {
            let given = message(parameter, parameter_len)?;
            let (part, is_last) = (bytes(part, part_len)?, flags & CKF_END_OF_MESSAGE != 0);
            let (answer, tells) = ciphers::next(library, session, which, &given, part, is_last, room?)?;
            told = tells;
            Ok(answer)
        })?;
        write_message(parameter, parameter_len, &told)
    }
}
