//! Judging the signatures of a container: every data file has to be covered by each signature, or the container is not
//! what was signed.

use std::borrow::Cow;
use std::sync::Arc;

use super::archive::ArchiveStamp;
use super::manifest::{self, Files, MALFORMED, name_of};
use super::{Inside, Kind};
use crate::cades;
use crate::certificate::Certificate;
use crate::cms::{ATTRIBUTES_BEGIN, Beside};
use crate::pdf::Source;
use crate::report::{
    Coverage, Format, Reason, Report, SignatureReport, SubIndication, TimestampKind, Warning,
};
use crate::revocation::Revocations;
use crate::timestamp::TimestampToken;
use crate::trust::Reliance;
use crate::validation::{self, Finding, Stamped};
use crate::xml::Document;
use crate::xmldsig::{self, Cover, MAX_SIGNATURES, ReadSignature, Target};
use crate::zip::{Container, Directory, Parts, Place, ZipError};

/// Where OpenDocument has its signatures: over the document, its macros, the package (ODF 1.3, part 2, section 5).
const ODF_SIGNATURES: [&[u8]; 3] = [
    b"META-INF/documentsignatures.xml",
    b"META-INF/macrosignatures.xml",
    b"META-INF/packagesignatures.xml",
];

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

/// Whether bytes are a ZIP file with signatures where a container has them, whatever its media type says or where that
/// stands: of one that is out of form, the report has to be on the signatures. An OpenDocument has its own.
#[must_use]
pub fn holds_signatures(bytes: &[u8]) -> bool {
    let names = Container::names(bytes).unwrap_or_default();
    let is_one = |name: &Vec<u8>| std::str::from_utf8(name).is_ok_and(|name| inside(name).is_some());
    Container::looks_like(bytes)
        && names.iter().any(is_one)
        && !names.iter().any(|name| ODF_SIGNATURES.contains(&name.as_slice()))
}

/// Validates every signature of a container.
///
/// # Errors
/// [`ZipError`] when the bytes are no container with one reading; everything else is in the report.
pub fn verify(bytes: &[u8], reliance: &Reliance<'_>) -> Result<Report, ZipError> {
    verify_source(Arc::new(bytes), reliance)
}

/// The same for one whose end alone is in memory ([`super::part`]).
///
/// # Errors
/// As [`verify`].
pub fn verify_parts(
    base: &(dyn Source + Send + Sync),
    end: &[u8],
    reliance: &Reliance<'_>,
) -> Result<Report, ZipError> {
    let (base, end) = (Arc::new(base), Cow::Borrowed(end));
    verify_source(Arc::new(Parts { base, end }), reliance)
}

/// The same for one that lies somewhere, and is read piece by piece.
///
/// # Errors
/// As [`verify`].
pub fn verify_source(
    origin: Arc<dyn Source + Send + Sync + '_>,
    reliance: &Reliance<'_>,
) -> Result<Report, ZipError> {
    let container = Arc::new(Directory::read(origin)?);
    let kind = kind(&container);
    let data = data_files(&container);
    let archive = Archived::read(&container, reliance);
    let mut signatures = Vec::new();
    let files: Vec<_> = signature_files(&container).collect();
    let (judged, others) = files.split_at(files.len().min(MAX_SIGNATURES));
    for (entry, inside) in judged {
        match inside {
            Inside::Xades => signatures.extend(xades(&container, entry.held(), reliance)),
            Inside::Cades => signatures.extend(cades_file(&container, entry, kind, &archive, reliance)),
        }
    }
    let reason = match (signatures.as_slice(), others) {
        (_, [_, ..]) => Some(Reason::TooManySignatures),
        ([], []) => Some(Reason::NoSigners),
        _ => None,
    };
    if let Some(reason) = reason {
        let mut nobody = SignatureReport::new(Format::AsicXades);
        nobody.fail(SubIndication::FormatFailure, reason);
        others
            .iter()
            .for_each(|(entry, _)| nobody.leaves_out(&entry.name));
        signatures.push(nobody);
    }
    for report in &mut signatures {
        form(report, kind, &data);
    }
    Ok(Report {
        validated_at: reliance.at,
        signatures,
        findings: Vec::new(),
    })
}

/// The files that are there to be signed.
fn data_files<'c>(container: &'c Directory<'_>) -> Vec<&'c str> {
    let names = container.files().iter().map(|entry| entry.name.as_str());
    names.filter(|name| is_data(name)).collect()
}

/// Whether a file is there to be signed: all are but the media type, and what serves the container itself.
fn is_data(name: &str) -> bool {
    name != "mimetype" && !serves_the_container(name)
}

/// Whether it is one of the files that `META-INF/` is for: signatures, time-stamps, evidence records, their manifests, and
/// what OpenDocument and EPUB say of a container (EN 319 162-1, 4.3.3, 4.4.3 and annex A). Whatever else lies there may be
/// taken for a document by a person, and no signature would be about it.
fn serves_the_container(name: &str) -> bool {
    const MANIFESTS: [&str; 3] = [
        "ASiCManifest",
        "ASiCArchiveManifest",
        "ASiCEvidenceRecordManifest",
    ];
    let Some(name) = name.strip_prefix("META-INF/") else {
        return false;
    };
    let Some((stem, end)) = name.rsplit_once('.') else {
        return false;
    };
    match end {
        "xml" if matches!(stem, "container" | "manifest" | "metadata") => true,
        "xml" if MANIFESTS.iter().any(|manifest| stem.contains(manifest)) => true,
        "xml" => stem.contains("signatures") || stem.contains("evidencerecord"),
        "p7s" => stem.contains("signature"),
        "tst" => stem.contains("timestamp"),
        "ers" => stem.contains("evidencerecord"),
        _ => false,
    }
}

/// The files that hold signatures, by their names (EN 319 162-1, 4.3.3 and 4.4.3).
pub(super) fn signature_files<'c>(container: &'c Directory<'_>) -> impl Iterator<Item = (&'c Place, Inside)> {
    let entries = container.files().iter();
    entries.filter_map(|entry| inside(&entry.name).map(|inside| (entry, inside)))
}

/// What signs in a file of this name, if it is one of signatures.
fn inside(name: &str) -> Option<Inside> {
    let name = name.strip_prefix("META-INF/")?;
    if name.contains("signatures") && name.ends_with(".xml") {
        Some(Inside::Xades)
    } else if name.contains("signature") && name.ends_with(".p7s") {
        Some(Inside::Cades)
    } else {
        None
    }
}

/// What a CAdES signature of a container signs: the only file of ASiC-S, else its manifest.
pub(super) fn signed_by<'c>(
    container: &'c Directory<'_>,
    kind: Option<Kind>,
    signature: &str,
) -> Option<&'c Place> {
    match (kind, &data_files(container)[..]) {
        (Some(Kind::Simple), [only]) => container.find(only),
        (Some(Kind::Simple), _) => None,
        _ => manifest_of(container, signature),
    }
}

/// The time-stamps over the container, and what they bring.
struct Archived {
    stamps: Vec<ArchiveStamp>,
    certificates: Vec<Certificate>,
    revocations: Revocations,
}

impl Archived {
    fn read(container: &Directory<'_>, reliance: &Reliance<'_>) -> Self {
        let stamps = ArchiveStamp::all(container, reliance.sha1);
        let tokens = || stamps.iter().filter_map(|stamp| stamp.token.as_ref());
        let brought = |all: Revocations, token: &TimestampToken| {
            all.and(&Revocations::read(&token.signed_data().material()))
        };
        Self {
            certificates: tokens().flat_map(|token| token.certificates().to_vec()).collect(),
            revocations: tokens().fold(Revocations::default(), brought),
            stamps,
        }
    }

    /// Whether one of those that name a signature names files by their SHA-1.
    fn is_by_sha1(&self, signature: &str) -> bool {
        let mut about = self.stamps.iter().filter(|stamp| stamp.names(signature));
        about.any(|stamp| stamp.by_sha1)
    }

    /// Those that name a signature; `files` are that, what it signs, and all that stands for.
    fn of(&self, signature: &str, files: &[&str]) -> Vec<Stamped> {
        let about = self.stamps.iter().filter(|stamp| stamp.names(signature));
        about
            .map(|stamp| Stamped {
                kind: TimestampKind::Archive,
                // A manifest that is passed over for its SHA-1 is not known to be about something else.
                about_this: (stamp.about_this || !stamp.by_sha1)
                    .then(|| stamp.about_this && files.iter().all(|file| stamp.names(file))),
                token: stamp.token.clone(),
            })
            .collect()
    }
}

pub(super) fn kind(container: &Directory<'_>) -> Option<Kind> {
    let first = container
        .files()
        .first()
        .filter(|entry| entry.name == "mimetype" && entry.plain)?;
    [Kind::Simple, Kind::Extended]
        .into_iter()
        .find(|kind| first.held() == kind.media_type().as_bytes())
}

/// What every signature of the container has to keep: its media type first, one file in ASiC-S, no file left out.
/// A confirmation of a signature is about that, and about no file.
fn form(report: &mut SignatureReport, kind: Option<Kind>, data: &[&str]) {
    if report.format != Format::CounterSignature {
        report.not_covered = data
            .iter()
            .filter(|name| !report.covered.iter().any(|covered| covered == *name))
            .map(|name| (*name).to_owned())
            .collect();
    }
    let simple = kind == Some(Kind::Simple) && data.len() != 1;
    if kind.is_none() || simple {
        report.fail_in_form(Reason::MalformedSignature);
    }
    // Where a signature fell before it was known what it covers, that reason says more.
    let unknown = report.covered.is_empty() && report.reason.is_some();
    if !report.not_covered.is_empty() && !unknown {
        report.fail_in_form(Reason::ContainerFileNotCovered);
        if let Some(coverage) = &mut report.coverage {
            coverage.whole = false;
        }
    }
}

fn xades(container: &Arc<Directory<'_>>, bytes: &[u8], reliance: &Reliance<'_>) -> Vec<SignatureReport> {
    let Ok(document) = Document::parse(bytes) else {
        let mut report = SignatureReport::new(Format::AsicXades);
        report.fail(SubIndication::FormatFailure, Reason::MalformedXml);
        return vec![report];
    };
    let mut reports = xmldsig::verify_in(
        &document,
        &Files(Arc::clone(container)),
        reliance,
        &OfFiles(container),
    );
    for report in &mut reports {
        if report.format == Format::Xades {
            report.format = Format::AsicXades;
        }
    }
    reports
}

/// The files that references lead to. An element, though it be called as a file is, is none of them: a signature over a
/// part of some XML document, put into a container, says nothing of a file.
struct OfFiles<'c>(&'c Directory<'c>);

impl Cover for OfFiles<'_> {
    fn cover(
        &self,
        _: &Document<'_>,
        _: &ReadSignature,
        targets: &[Target],
        report: &mut SignatureReport,
    ) -> Result<(), Finding> {
        report.covered = targets
            .iter()
            .filter_map(|target| match target {
                Target::External(uri) => name_of(uri),
                Target::Document | Target::Element(_) => None,
            })
            .collect();
        if report.covered.is_empty() {
            return Err((SubIndication::SignedDataNotFound, Reason::NothingSigned));
        }
        let data = || self.0.files().iter().filter(|file| is_data(&file.name));
        let is_covered = |file: &&Place| report.covered.contains(&file.name);
        report.coverage = Some(Coverage {
            whole: data().all(|file| is_covered(&file)),
            signed_bytes: data().filter(is_covered).map(Place::len).sum(),
            total_bytes: data().map(Place::len).sum(),
            revision: None,
            revisions: None,
        });
        Ok(())
    }
}

fn cades_file(
    container: &Directory<'_>,
    entry: &Place,
    kind: Option<Kind>,
    archive: &Archived,
    reliance: &Reliance<'_>,
) -> Vec<SignatureReport> {
    let signed = signed_by(container, kind, &entry.name);
    let covered = match (signed, kind) {
        (Some(only), Some(Kind::Simple)) => Ok(vec![only.name.clone()]),
        (None, Some(Kind::Simple)) => Err(MALFORMED),
        (Some(manifest), _) => manifest::files_of(container, manifest.held(), reliance.sha1),
        (None, _) => Err((SubIndication::SignedDataNotFound, Reason::ReferenceNotFound)),
    };
    let by_sha1 = covered.is_ok()
        && reliance.sha1
        && kind != Some(Kind::Simple)
        && signed.is_some_and(|manifest| manifest::files_of(container, manifest.held(), false).is_err());
    let mut files = vec![entry.name.as_str()];
    files.extend(signed.map(|signed| signed.name.as_str()));
    files.extend(covered.iter().flatten().map(String::as_str));
    let timestamps = archive.of(&entry.name, &files);
    let beside = Beside {
        certificates: &archive.certificates,
        revocations: Some(&archive.revocations),
        timestamps: &timestamps,
    };
    let whole = signed.filter(|_| cades::needs_content(entry.held()));
    let whole = whole.and_then(|signed| container.bytes(signed).ok());
    let judged = signed.map(|signed| {
        let lying = cades::Lying {
            digest: &|hash| container.digest(signed, hash).ok(),
            beginning: container.beginning(signed, ATTRIBUTES_BEGIN).unwrap_or_default(),
            length: signed.len(),
            bytes: whole.as_deref(),
        };
        cades::verify_lying(entry.held(), &lying, beside, reliance)
    });
    let mut reports = match judged {
        Some(Ok(report)) => report.signatures,
        _ => {
            let mut report = SignatureReport::new(Format::AsicCades);
            if signed.is_some() {
                report.fail(SubIndication::FormatFailure, Reason::MalformedCms);
            }
            vec![report]
        }
    };
    let archived_by_sha1 = archive.is_by_sha1(&entry.name);
    for report in &mut reports {
        if report.format == Format::CounterSignature {
            continue;
        }
        report.format = Format::AsicCades;
        validation::tell_of_sha1(archived_by_sha1, reliance, report);
        match &covered {
            Ok(names) => {
                report.covered.clone_from(names);
                if by_sha1 {
                    report.warn(Warning::Sha1);
                }
            }
            Err((sub_indication, reason)) => report.fail(*sub_indication, *reason),
        }
    }
    reports
}

/// The one manifest that names a signature.
fn manifest_of<'c>(container: &'c Directory<'_>, signature: &str) -> Option<&'c Place> {
    let mut found = container.files().iter().filter(|entry| {
        let manifest = entry.name.starts_with("META-INF/ASiCManifest") && entry.name.ends_with(".xml");
        manifest && manifest::made_by(entry.held()).as_deref() == Some(signature)
    });
    let manifest = found.next()?;
    found.next().is_none().then_some(manifest)
}
