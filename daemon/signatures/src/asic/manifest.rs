//! `ASiCManifest` (EN 319 162-1, A.4): the list of files that a CAdES signature or a time-stamp of a container is
//! about.

use std::borrow::Cow;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::ASIC;
use crate::algorithm::Hash;
use crate::report::{Reason, SubIndication};
use crate::validation::Finding;
use crate::xades::uri_of;
use crate::xml::{Document, attribute_value};
use crate::xmldsig::algorithms::{digest_from_uri, digest_uri};
use crate::xmldsig::{self, DS, Resolver};
use crate::zip::{Directory, percent_decoded};

pub(super) const MALFORMED: Finding = (SubIndication::FormatFailure, Reason::MalformedSignature);

/// A file that a manifest names.
pub(super) struct Listed<'a> {
    pub(super) name: &'a str,
    /// With the manifest's hash.
    pub(super) digest: Vec<u8>,
    /// Its media type; EN 319 162-1 leaves it out where nothing is known.
    pub(super) media_type: Option<&'a str>,
    /// Whether it is the archive manifest before this one (A.7).
    pub(super) root: bool,
}

/// A manifest over files. `by` is the file that signs or stamps it, and its media type.
pub(super) fn write<'a>(by: (&str, &str), files: impl Iterator<Item = Listed<'a>>, hash: Hash) -> Vec<u8> {
    let mut out = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<asic:ASiCManifest xmlns:asic=\"{ASIC}\" xmlns:ds=\"{DS}\">\
         <asic:SigReference URI=\"{}\" MimeType=\"{}\"/>",
        by.0, by.1
    );
    for file in files {
        let media_type = file
            .media_type
            .map(|kind| format!(" MimeType=\"{}\"", attribute_value(kind)));
        let root = if file.root { " Rootfile=\"true\"" } else { "" };
        out += &format!(
            "<asic:DataObjectReference URI=\"{}\"{}{root}><ds:DigestMethod Algorithm=\"{}\"/>\
             <ds:DigestValue>{}</ds:DigestValue></asic:DataObjectReference>",
            uri_of(file.name),
            media_type.unwrap_or_default(),
            digest_uri(hash),
            BASE64.encode(file.digest)
        );
    }
    (out + "</asic:ASiCManifest>").into_bytes()
}

/// The name of the file that signs or stamps a manifest.
pub(super) fn made_by(manifest: &[u8]) -> Option<String> {
    let document = Document::parse(manifest).ok()?;
    let reference = document.child(document.root(), ASIC, "SigReference")?;
    name_of(&document.attribute(reference, "URI")?)
}

/// The files of a manifest, whose digests fit.
pub(super) fn files_of(
    container: &Directory<'_>,
    manifest: &[u8],
    sha1: bool,
) -> Result<Vec<String>, Finding> {
    let document = Document::parse(manifest).map_err(|_| MALFORMED)?;
    if !document.is(document.root(), ASIC, "ASiCManifest") {
        return Err(MALFORMED);
    }
    let mut names = Vec::new();
    let references = document
        .children(document.root())
        .filter(|child| document.is(*child, ASIC, "DataObjectReference"));
    for reference in references {
        let uri = document.attribute(reference, "URI").ok_or(MALFORMED)?;
        let name = name_of(&uri).ok_or((SubIndication::SignedDataNotFound, Reason::ExternalReference))?;
        let not_found = (SubIndication::SignedDataNotFound, Reason::ReferenceNotFound);
        let file = container.find(&name).ok_or(not_found)?;
        let part = |name: &str| document.child(reference, DS, name).ok_or(MALFORMED);
        let uri = document
            .attribute(part("DigestMethod")?, "Algorithm")
            .ok_or(MALFORMED)?;
        let refused = |reason| (SubIndication::CryptoConstraintsFailure, reason);
        let method = digest_from_uri(&uri).ok_or(refused(Reason::AlgorithmNotAccepted))?;
        if method == Hash::Sha1 && !sha1 {
            return Err(refused(Reason::Sha1NotAccepted));
        }
        let stated = xmldsig::base64(&document.text_of(part("DigestValue")?)).ok_or(MALFORMED)?;
        if container.digest(file, method).map_err(|_| not_found)? != stated {
            return Err((SubIndication::HashFailure, Reason::ReferenceDigestMismatch));
        }
        names.push(name);
    }
    Ok(names)
}

/// Files of the container by their URIs.
#[derive(Debug)]
pub(super) struct Files<'a>(pub(super) Arc<Directory<'a>>);

impl Resolver for Files<'_> {
    fn find(&self, uri: &str) -> Option<Cow<'_, [u8]>> {
        let file = self.0.find(&name_of(uri)?)?;
        self.0.bytes(file).ok()
    }

    fn feed(&self, uri: &str, out: &mut dyn FnMut(&[u8])) -> Option<()> {
        let file = self.0.find(&name_of(uri)?)?;
        self.0.each(file, out).ok()
    }
}

/// The name behind a URI reference: percent-decoded, relative, without scheme, query or fragment.
pub(super) fn name_of(uri: &str) -> Option<String> {
    let uri = uri.strip_prefix("./").unwrap_or(uri);
    if uri.contains([':', '?', '#', '\\']) || uri.starts_with('/') {
        return None;
    }
    percent_decoded(uri)
}
