//! Objects (2.40, section 5.7).

use cryptoki_sys::*;

use super::super::{answer_template, template, write, write_out};
use super::{Attributes, Length, Object, Session, entry_points};
use crate::api::objects;

entry_points! {
    // 5.7 Object management.
    C_CreateObject(session: Session, list: Attributes, count: CK_ULONG, object: *mut CK_OBJECT_HANDLE) |library| =>
        write(object, || objects::create(library, session, &template(list, count)?));
    C_CopyObject(
        session: Session, source: Object, list: Attributes, count: CK_ULONG, object: *mut CK_OBJECT_HANDLE
    ) |library| => write(object, || objects::copy(library, session, source, &template(list, count)?));
    C_DestroyObject(session: Session, object: Object) |library| => objects::destroy(library, session, object);
    C_GetObjectSize(session: Session, object: Object, size: Length) |library| =>
        write(size, || objects::size(library, session, object));
    C_GetAttributeValue(session: Session, object: Object, list: Attributes, count: CK_ULONG) |library| =>
        answer_template(list, count, |queries| objects::attributes(library, session, object, queries));
    C_SetAttributeValue(session: Session, object: Object, list: Attributes, count: CK_ULONG) |library| =>
        objects::set_attributes(library, session, object, &template(list, count)?);
    C_FindObjectsInit(session: Session, list: Attributes, count: CK_ULONG) |library| =>
        objects::find_init(library, session, &template(list, count)?);
    C_FindObjects(session: Session, list: *mut CK_OBJECT_HANDLE, room: CK_ULONG, count: Length) |library| => {
        // The one output with a fixed room: fewer handles than fit are an answer, not an error.
        let mut room = room;
        let found = objects::find(library, session, room, list.is_null() || count.is_null())?;
        write_out(list, &raw mut room, |space| space?.answer(found.len(), || Ok(found)))?;
        write(count, || Ok(room))
    };
    C_FindObjectsFinal(session: Session) |library| => objects::find_final(library, session);
}
