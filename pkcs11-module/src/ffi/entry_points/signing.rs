//! Digests, signatures and their verification (2.40, sections 5.10 to 5.12; 3.2, section 5.15).

use cryptoki_sys::*;

use super::super::parameter::mechanism_or_none;
use super::super::{bytes, present, write_out};
use super::{Bytes, Length, Mechanism, Object, Session, entry_points};
use crate::api::ciphering::{self, Use};
use crate::api::{digesting, signing, verifying};

entry_points! {
    // 5.10 Message digesting.
    C_DigestInit(session: Session, call: Mechanism) |library| =>
        digesting::init(library, session, mechanism_or_none(call)?.as_ref());
    C_Digest(session: Session, data: Bytes, data_len: CK_ULONG, digest: Bytes, digest_len: Length) |library| =>
        write_out(digest, digest_len, |room| digesting::digest(library, session, bytes(data, data_len), room));
    C_DigestUpdate(session: Session, part: Bytes, part_len: CK_ULONG) |library| =>
        digesting::update(library, session, bytes(part, part_len));
    C_DigestKey(session: Session, key: Object) |library| => digesting::key(library, session, key);
    C_DigestFinal(session: Session, digest: Bytes, digest_len: Length) |library| =>
        write_out(digest, digest_len, |room| digesting::finish(library, session, room));

    // 5.11 Signing.
    C_SignInit(session: Session, call: Mechanism, key: Object) |library| =>
        signing::init(library, session, mechanism_or_none(call)?.as_ref(), key);
    C_Sign(session: Session, data: Bytes, data_len: CK_ULONG, signature: Bytes, signature_len: Length) |library| =>
        write_out(signature, signature_len, |room| {
            signing::sign(library, session, bytes(data, data_len), room)
        });
    C_SignUpdate(session: Session, part: Bytes, part_len: CK_ULONG) |library| =>
        signing::update(library, session, bytes(part, part_len));
    C_SignFinal(session: Session, signature: Bytes, signature_len: Length) |library| =>
        write_out(signature, signature_len, |room| signing::finish(library, session, room));
    C_SignRecoverInit(session: Session, call: Mechanism, key: Object) |library| =>
        ciphering::init(library, session, Use::SignRecover, mechanism_or_none(call)?.as_ref(), key);
    C_SignRecover(session: Session, data: Bytes, data_len: CK_ULONG, out: Bytes, out_len: Length) |library| =>
        write_out(out, out_len, |room| {
            ciphering::whole(library, session, Use::SignRecover, bytes(data, data_len), room, None)
        });

    // 5.12 Verifying.
    C_VerifyInit(session: Session, call: Mechanism, key: Object) |library| =>
        verifying::init(library, session, mechanism_or_none(call)?.as_ref(), key);
    C_Verify(
        session: Session, data: Bytes, data_len: CK_ULONG, signature: Bytes, signature_len: CK_ULONG
    ) |library| =>
        verifying::verify(library, session, bytes(data, data_len), present(signature, signature_len));
    C_VerifyUpdate(session: Session, part: Bytes, part_len: CK_ULONG) |library| =>
        verifying::update(library, session, bytes(part, part_len));
    C_VerifyFinal(session: Session, signature: Bytes, signature_len: CK_ULONG) |library| =>
        verifying::finish(library, session, present(signature, signature_len));
    C_VerifyRecoverInit(session: Session, call: Mechanism, key: Object) |library| =>
        ciphering::init(library, session, Use::VerifyRecover, mechanism_or_none(call)?.as_ref(), key);
    C_VerifyRecover(session: Session, data: Bytes, data_len: CK_ULONG, out: Bytes, out_len: Length) |library| =>
        write_out(out, out_len, |room| {
            ciphering::whole(library, session, Use::VerifyRecover, present(data, data_len), room, None)
        });

    // Since 3.2: the signature comes first.
    C_VerifySignatureInit(
        session: Session, call: Mechanism, key: Object, signature: Bytes, signature_len: CK_ULONG
    ) |library| =>
        verifying::init_with_signature(
            library, session, mechanism_or_none(call)?.as_ref(), key, bytes(signature, signature_len)?
        );
    C_VerifySignature(session: Session, data: Bytes, data_len: CK_ULONG) |library| =>
        verifying::verify_known(library, session, bytes(data, data_len));
    C_VerifySignatureUpdate(session: Session, part: Bytes, part_len: CK_ULONG) |library| =>
        verifying::update_known(library, session, bytes(part, part_len));
    C_VerifySignatureFinal(session: Session) |library| => verifying::finish_known(library, session);
}
