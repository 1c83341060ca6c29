//! Asynchronous operations (3.2, section 5.21): no call of this token takes long enough to come back for.

use cryptoki_sys::*;

use super::{Bytes, Length, Session, entry_points};
use crate::api::absent;

entry_points! {
    C_AsyncComplete(session: Session, _function: Bytes, _result: *mut CK_ASYNC_DATA) |library| =>
        absent::refuse(library, session);
    C_AsyncGetID(session: Session, _function: Bytes, _id: Length) |library| => absent::refuse(library, session);
    C_AsyncJoin(session: Session, _function: Bytes, _id: CK_ULONG, _data: Bytes, _data_len: CK_ULONG) |library| =>
        absent::refuse(library, session);
}
