//! Judging the signatures of a container: every data file has to be covered by each signature, or the container is not
//! what was signed.

use super::{ASIC, Kind};
use crate::algorithm::Hash;
use crate::cades;
use crate::report::{Format, Reason, Report, SignatureReport, SubIndication};
use crate::trust::Reliance;
use crate::xml::Document;
use crate::xmldsig::algorithms::digest_from_uri;
use crate::xmldsig::{self, DS, MAX_SIGNATURES, Resolver};
use crate::zip::{Container, ZipError, percent_decoded};

type Finding = (SubIndication, Reason);

const MALFORMED: Finding = (SubIndication::FormatFailure, Reason::MalformedSignature);

/// Whether bytes start as an ASiC container does: a ZIP file whose first entry says so (EN 319 162-1, A.1).
#[must_use]
pub fn looks_like(bytes: &[u8]) -> bool {
    Container::looks_like(bytes)
        && bytes.get(30..38) == Some(b"mimetype")
        && bytes.get(38..63) == Some(b"application/vnd.etsi.asic-")
        || looks_like_with_extra(bytes)
}

/// An extra field before the media type is against the standard; the report says so.
fn looks_like_with_extra(bytes: &[u8]) -> bool {
    let head = &bytes[..bytes.len().min(256)];
    bytes.get(30..38) == Some(b"mimetype")
        && memchr::memmem::find(head, b"application/vnd.etsi.asic-").is_some()
}

/// Validates every signature of a container.
///
/// # Errors
/// [`ZipError`] when the bytes are no container with one reading; everything else is in the report.
pub fn verify(bytes: &[u8], reliance: &Reliance<'_>) -> Result<Report, ZipError> {
    let container = Container::parse(bytes)?;
    let kind = kind(&container);
    let data: Vec<&str> = container
        .entries()
        .iter()
        .map(|entry| entry.name.as_str())
        .filter(|name| *name != "mimetype" && !name.starts_with("META-INF/"))
        .collect();
    let mut signatures = Vec::new();
    for entry in container.entries().iter().take(MAX_SIGNATURES) {
        let Some(name) = entry.name.strip_prefix("META-INF/") else {
            continue;
        };
        if name.contains("signatures") && name.ends_with(".xml") {
            signatures.extend(xades(&container, &entry.bytes, reliance));
        } else if name.contains("signature") && name.ends_with(".p7s") {
            signatures.extend(cades_file(
                &container,
                &entry.name,
                &entry.bytes,
                kind,
                &data,
                reliance,
            ));
        }
    }
    if signatures.is_empty() {
        let mut nobody = SignatureReport::new(Format::AsicXades);
        nobody.fail(SubIndication::FormatFailure, Reason::NoSigners);
        signatures.push(nobody);
    }
    for report in &mut signatures {
        form(report, kind, &data);
    }
    Ok(Report {
        validated_at: reliance.at,
        signatures,
    })
}

fn kind(container: &Container) -> Option<Kind> {
    let first = container
        .entries()
        .first()
        .filter(|entry| entry.name == "mimetype" && entry.plain)?;
    [Kind::Simple, Kind::Extended]
        .into_iter()
        .find(|kind| first.bytes == kind.media_type().as_bytes())
}

/// What every signature of the container has to keep: its media type first, one file in ASiC-S, no file left out.
fn form(report: &mut SignatureReport, kind: Option<Kind>, data: &[&str]) {
    report.not_covered = data
        .iter()
        .filter(|name| !report.covered.iter().any(|covered| covered == *name))
        .map(|name| (*name).to_owned())
        .collect();
    let simple = kind == Some(Kind::Simple) && data.len() != 1;
    if kind.is_none() || simple {
        report.fail(SubIndication::FormatFailure, Reason::MalformedSignature);
    }
    // Where a signature fell before it was known what it covers, that reason says more.
    let unknown = report.covered.is_empty() && report.reason.is_some();
    if !report.not_covered.is_empty() && !unknown {
        report.fail(SubIndication::FormatFailure, Reason::ContainerFileNotCovered);
        if let Some(coverage) = &mut report.coverage {
            coverage.whole = false;
        }
    }
}

/// Files of the container by their URIs.
struct Files<'a>(&'a Container);

impl Resolver for Files<'_> {
    fn find(&self, uri: &str) -> Option<&[u8]> {
        self.0.get(&name_of(uri)?)
    }
}

/// The name behind a URI reference: percent-decoded, relative, without scheme, query or fragment.
fn name_of(uri: &str) -> Option<String> {
    let uri = uri.strip_prefix("./").unwrap_or(uri);
    if uri.contains([':', '?', '#', '\\']) || uri.starts_with('/') {
        return None;
    }
    percent_decoded(uri)
}

fn xades(container: &Container, bytes: &[u8], reliance: &Reliance<'_>) -> Vec<SignatureReport> {
    let Ok(document) = Document::parse(bytes) else {
        let mut report = SignatureReport::new(Format::AsicXades);
        report.fail(SubIndication::FormatFailure, Reason::MalformedXml);
        return vec![report];
    };
    let mut reports = xmldsig::verify_in(&document, &Files(container), reliance);
    for report in &mut reports {
        if report.format == Format::Xades {
            report.format = Format::AsicXades;
        }
        for covered in &mut report.covered {
            if let Some(name) = name_of(covered) {
                *covered = name;
            }
        }
    }
    reports
}

fn cades_file(
    container: &Container,
    name: &str,
    bytes: &[u8],
    kind: Option<Kind>,
    data: &[&str],
    reliance: &Reliance<'_>,
) -> Vec<SignatureReport> {
    let (content, covered) = if kind == Some(Kind::Simple) {
        match data {
            [only] => (container.get(only), Ok(vec![(*only).to_owned()])),
            _ => (None, Err(MALFORMED)),
        }
    } else {
        match manifest_of(container, name) {
            Some(manifest) => (Some(manifest), files_of(container, manifest, reliance.sha1)),
            None => (
                None,
                Err((SubIndication::SignedDataNotFound, Reason::ReferenceNotFound)),
            ),
        }
    };
    let judged = content.map(|content| cades::verify(bytes, Some(content), reliance));
    let mut reports = match judged {
        Some(Ok(report)) => report.signatures,
        _ => {
            let mut report = SignatureReport::new(Format::AsicCades);
            if content.is_some() {
                report.fail(SubIndication::FormatFailure, Reason::MalformedCms);
            }
            vec![report]
        }
    };
    for report in &mut reports {
        report.format = Format::AsicCades;
        match &covered {
            Ok(names) => report.covered.clone_from(names),
            Err((sub_indication, reason)) => report.fail(*sub_indication, *reason),
        }
    }
    reports
}

/// The one manifest that names a signature.
fn manifest_of<'c>(container: &'c Container, signature: &str) -> Option<&'c [u8]> {
    let mut found = container.entries().iter().filter(|entry| {
        let manifest = entry.name.starts_with("META-INF/ASiCManifest") && entry.name.ends_with(".xml");
        manifest
            && Document::parse(&entry.bytes).is_ok_and(|document| {
                let reference = document.child(document.root(), ASIC, "SigReference");
                let uri = reference.and_then(|reference| document.attribute(reference, "URI"));
                uri.and_then(|uri| name_of(&uri)).as_deref() == Some(signature)
            })
    });
    let manifest = found.next()?;
    found.next().is_none().then_some(&manifest.bytes)
}

/// The files of a manifest, whose digests fit.
fn files_of(container: &Container, manifest: &[u8], sha1: bool) -> Result<Vec<String>, Finding> {
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
        let bytes = container
            .get(&name)
            .ok_or((SubIndication::SignedDataNotFound, Reason::ReferenceNotFound))?;
        let part = |name: &str| document.child(reference, DS, name).ok_or(MALFORMED);
        let uri = document
            .attribute(part("DigestMethod")?, "Algorithm")
            .ok_or(MALFORMED)?;
        let method = digest_from_uri(&uri)
            .filter(|method| sha1 || *method != Hash::Sha1)
            .ok_or((
                SubIndication::CryptoConstraintsFailure,
                Reason::AlgorithmNotAccepted,
            ))?;
        let stated = xmldsig::base64(&document.text_of(part("DigestValue")?)).ok_or(MALFORMED)?;
        if method.digest(bytes) != stated {
            return Err((SubIndication::HashFailure, Reason::ReferenceDigestMismatch));
        }
        names.push(name);
    }
    Ok(names)
}
