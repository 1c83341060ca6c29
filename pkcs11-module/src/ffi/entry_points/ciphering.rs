//! Encryption, decryption, and the functions that do two things at once (2.40, sections 5.8, 5.9, 5.13).

use cryptoki_sys::*;

use super::super::parameter::mechanism_or_none;
use super::super::{bytes, write_out, write_through};
use super::{Bytes, Length, Mechanism, Object, Session, entry_points};
use crate::api::ciphering::{self, Use};
use crate::api::dual::{self, Other};

entry_points! {
    // 5.8 Encryption.
    C_EncryptInit(session: Session, call: Mechanism, key: Object) |library| =>
        ciphering::init(library, session, Use::Encrypt, mechanism_or_none(call)?.as_ref(), key);
    C_Encrypt(session: Session, data: Bytes, data_len: CK_ULONG, out: Bytes, out_len: Length) |library| =>
        write_through(data, data_len, out, out_len, |data, room, place| {
            ciphering::whole(library, session, Use::Encrypt, data, room, place)
        });
    C_EncryptUpdate(session: Session, part: Bytes, part_len: CK_ULONG, out: Bytes, out_len: Length) |library| =>
        write_through(part, part_len, out, out_len, |part, room, place| {
            ciphering::update(library, session, Use::Encrypt, part, room, place)
        });
    C_EncryptFinal(session: Session, out: Bytes, out_len: Length) |library| =>
        write_out(out, out_len, |room| ciphering::finish(library, session, Use::Encrypt, room));

    // 5.9 Decryption.
    C_DecryptInit(session: Session, call: Mechanism, key: Object) |library| =>
        ciphering::init(library, session, Use::Decrypt, mechanism_or_none(call)?.as_ref(), key);
    C_Decrypt(session: Session, data: Bytes, data_len: CK_ULONG, out: Bytes, out_len: Length) |library| =>
        write_through(data, data_len, out, out_len, |data, room, place| {
            ciphering::whole(library, session, Use::Decrypt, data, room, place)
        });
    C_DecryptUpdate(session: Session, part: Bytes, part_len: CK_ULONG, out: Bytes, out_len: Length) |library| =>
        write_through(part, part_len, out, out_len, |part, room, place| {
            ciphering::update(library, session, Use::Decrypt, part, room, place)
        });
    C_DecryptFinal(session: Session, out: Bytes, out_len: Length) |library| =>
        write_out(out, out_len, |room| ciphering::finish(library, session, Use::Decrypt, room));

    // 5.13 Dual-function operations.
    C_DigestEncryptUpdate(session: Session, part: Bytes, part_len: CK_ULONG, out: Bytes, out_len: Length) |library| =>
        write_out(out, out_len, |room| {
            dual::encrypt(library, session, Other::Digest, bytes(part, part_len), room)
        });
    C_DecryptDigestUpdate(session: Session, part: Bytes, part_len: CK_ULONG, out: Bytes, out_len: Length) |library| =>
        write_out(out, out_len, |room| {
            dual::decrypt(library, session, Other::Digest, bytes(part, part_len), room)
        });
    C_SignEncryptUpdate(session: Session, part: Bytes, part_len: CK_ULONG, out: Bytes, out_len: Length) |library| =>
        write_out(out, out_len, |room| {
            dual::encrypt(library, session, Other::Sign, bytes(part, part_len), room)
        });
    C_DecryptVerifyUpdate(session: Session, part: Bytes, part_len: CK_ULONG, out: Bytes, out_len: Length) |library| =>
        write_out(out, out_len, |room| {
            dual::decrypt(library, session, Other::Verify, bytes(part, part_len), room)
        });
}
