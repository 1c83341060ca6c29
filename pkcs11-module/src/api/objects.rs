//! Section 5.7, object management.

use cryptoki_sys::*;

use crate::attribute::{Answer, Query, RawAttribute};
use crate::draft::{Draft, Origin};
use crate::error::{Error, Result};
use crate::library::Library;
use crate::object::Search;

/// `C_CreateObject`.
pub(crate) fn create(
    library: &Library,
    session: CK_SESSION_HANDLE,
    template: &[RawAttribute<'_>],
) -> Result<CK_OBJECT_HANDLE> {
    let session = library.session(session)?;
    let object = Draft::new(template, Origin::Import)?.finish()?;
    session
        .token
        .add(vec![object], session.asker())?
        .pop()
        .ok_or(Error::General)
}

/// `C_CopyObject`.
pub(crate) fn copy(
    library: &Library,
    session: CK_SESSION_HANDLE,
    source: CK_OBJECT_HANDLE,
    template: &[RawAttribute<'_>],
) -> Result<CK_OBJECT_HANDLE> {
    let session = library.session(session)?;
    session.token.copy(source, template, session.asker())
}

/// `C_DestroyObject`.
pub(crate) fn destroy(library: &Library, session: CK_SESSION_HANDLE, object: CK_OBJECT_HANDLE) -> Result<()> {
    let session = library.session(session)?;
    session.token.destroy(object, session.asker())
}

/// `C_GetObjectSize`.
pub(crate) fn size(
    library: &Library,
    session: CK_SESSION_HANDLE,
    object: CK_OBJECT_HANDLE,
) -> Result<CK_ULONG> {
    let session = library.session(session)?;
    Ok(session.token.object(object)?.size() as CK_ULONG)
}

/// `C_GetAttributeValue`.
pub(crate) fn attributes(
    library: &Library,
    session: CK_SESSION_HANDLE,
    object: CK_OBJECT_HANDLE,
    queries: &[Query],
) -> Result<Vec<Answer>> {
    let object = library.session(session)?.token.object(object)?;
    Ok(queries.iter().map(|query| object.answer(query)).collect())
}

/// `C_SetAttributeValue`.
pub(crate) fn set_attributes(
    library: &Library,
    session: CK_SESSION_HANDLE,
    object: CK_OBJECT_HANDLE,
    template: &[RawAttribute<'_>],
) -> Result<()> {
    let session = library.session(session)?;
    session.token.change(object, template, session.asker())
}

/// `C_FindObjectsInit`: what is found is fixed now, from what the store holds now.
pub(crate) fn find_init(
    library: &Library,
    session: CK_SESSION_HANDLE,
    template: &[RawAttribute<'_>],
) -> Result<()> {
    let session = library.session(session)?;
    let mut operations = session.operations.lock()?;
    if operations.find.is_some() {
        return Err(Error::OperationActive);
    }
    operations.find = Some(session.token.find(&Search::new(template))?.into_iter());
    Ok(())
}

/// `C_FindObjects`: the next handles, as many as there is room for.
pub(crate) fn find(
    library: &Library,
    session: CK_SESSION_HANDLE,
    room: CK_ULONG,
    is_null: bool,
) -> Result<Vec<CK_OBJECT_HANDLE>> {
    let session = library.session(session)?;
    let mut operations = session.operations.lock()?;
    let found = operations.find.as_mut().ok_or(Error::OperationNotInitialized)?;
    if is_null {
        return Err(Error::ArgumentsBad);
    }
    Ok(found.take(usize::try_from(room).unwrap_or(usize::MAX)).collect())
}

/// `C_FindObjectsFinal`.
pub(crate) fn find_final(library: &Library, session: CK_SESSION_HANDLE) -> Result<()> {
    let session = library.session(session)?;
    let found = session.operations.lock()?.find.take();
    found.map(drop).ok_or(Error::OperationNotInitialized)
}
