//! Judging the signatures of a package. A program that shows the document follows relationships from the package's own:
//! so every part and every relationship has to be signed, but for those that are about the document and not of it, what
//! Word keeps in a document for itself, and those of the signatures themselves. What was added later, and whatever a manifest does not name, is found that way.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::package::{self, Package, Part, is_about, relationships_of};
use super::relationships::{Relationship, Selection};
use super::store::OwnItems;
use super::{
    CERTIFICATE_TYPE, ORIGIN_TYPE, PackageError, RELATIONSHIP_TRANSFORM, RELATIONSHIPS_TYPE, SIGNATURE_NS,
    SIGNATURE_TYPE, open,
};
use crate::algorithm::Hash;
use crate::report::{Coverage, Format, Reason, Report, SignatureReport, SubIndication, Warning};
use crate::trust::Reliance;
use crate::validation::Finding;
use crate::xml::{Canonicalization, Document, ElementId, Outer};
use crate::xmldsig::algorithms::digest_from_uri;
use crate::xmldsig::{
    self, Cover, DS, MAX_SIGNATURES, ReadAlgorithm, ReadReference, ReadSignature, Resolver, Target,
    canonicalization,
};
use crate::zip::percent_decoded;

const MALFORMED: Finding = (SubIndication::FormatFailure, Reason::MalformedSignature);
const NOT_ALLOWED: Finding = (SubIndication::FormatFailure, Reason::TransformNotAllowed);
const WRAPPING: Finding = (SubIndication::FormatFailure, Reason::SignatureWrapping);

/// References of one manifest: no more than entries of a package.
const MAX_REFERENCES: usize = crate::zip::MAX_ENTRIES;

/// Names in the report of what is not covered.
const MAX_NAMES: usize = 1000;

/// Validates every signature of an Office document.
///
/// # Errors
/// [`PackageError`] when the bytes are no package with one reading; everything else is in the report.
pub fn verify(bytes: &[u8], reliance: &Reliance<'_>) -> Result<Report, PackageError> {
    let container = open(bytes)?;
    let package = Package::read(&container)?;
    let found = Signatures::find(&package);
    let mut signatures: Vec<SignatureReport> = found
        .parts
        .iter()
        .take(MAX_SIGNATURES)
        .map(|name| {
            let mut report = one(&package, name, &found, reliance);
            report.format = Format::Ooxml;
            report
        })
        .collect();
    let is_more = found.parts.len() > MAX_SIGNATURES;
    if signatures.is_empty() || is_more {
        let mut nobody = SignatureReport::new(Format::Ooxml);
        let reason = if is_more {
            Reason::TooManySignatures
        } else {
            Reason::NoSigners
        };
        nobody.fail(SubIndication::FormatFailure, reason);
        signatures.push(nobody);
    }
    if found.ambiguous {
        for report in &mut signatures {
            report.fail(SubIndication::FormatFailure, Reason::MalformedSignature);
        }
    }
    Ok(Report {
        validated_at: reliance.at,
        signatures,
        findings: Vec::new(),
    })
}

/// The signatures of a package, and the parts that exist for them alone.
pub(super) struct Signatures {
    /// Names of the parts that hold a signature, in the order of their relationships.
    pub(super) parts: Vec<String>,
    /// Those, the origin, the certificates, and their relationships; in lower case.
    own: HashSet<String>,
    /// More than one origin, or an origin or a signature that is something else.
    ambiguous: bool,
}

impl Signatures {
    /// Follows the relationships from the package to the origin and from there to the signatures (12.2.1, 12.2.2).
    pub(super) fn find(package: &Package<'_>) -> Self {
        let is = |name: &str, content_type: &str| {
            package.part(name).is_some() && package.content_type(name) == Some(content_type)
        };
        let origins = package.targets("/", package::ORIGIN);
        let mut found = Self {
            parts: Vec::new(),
            own: HashSet::new(),
            ambiguous: origins.len() > 1,
        };
        for origin in origins {
            found.ambiguous |= !is(&origin, ORIGIN_TYPE);
            for signature in package.targets(&origin, package::SIGNATURE) {
                if !is(&signature, SIGNATURE_TYPE) || found.own.contains(&signature.to_ascii_lowercase()) {
                    found.ambiguous = true;
                    continue;
                }
                for certificate in package.targets(&signature, package::CERTIFICATE) {
                    if is(&certificate, CERTIFICATE_TYPE) {
                        found.keep(&certificate);
                    }
                }
                found.keep(&signature);
                found.parts.push(signature);
            }
            found.keep(&origin);
        }
        found
    }

    fn keep(&mut self, name: &str) {
        let folded = name.to_ascii_lowercase();
        self.own.insert(relationships_of(&folded));
        self.own.insert(folded);
    }
}

/// Nothing stands beside a signature: its references point into it, its manifest to the parts.
#[derive(Debug)]
pub(super) struct Nothing;

impl Resolver for Nothing {
    fn find(&self, _: &str) -> Option<Cow<'_, [u8]>> {
        None
    }
}

fn one(
    package: &Package<'_>,
    name: &str,
    signatures: &Signatures,
    reliance: &Reliance<'_>,
) -> SignatureReport {
    let failed = |reason: Reason| {
        let mut report = SignatureReport::new(Format::Ooxml);
        report.fail(SubIndication::FormatFailure, reason);
        report
    };
    let bytes = package.part(name).map_or(&[][..], |part| &part.entry.bytes);
    let Ok(document) = Document::parse(bytes) else {
        return failed(Reason::MalformedXml);
    };
    let read = ReadSignature::read(&document, document.root());
    let alone = xmldsig::signature_elements(&document).len() == 1;
    match read {
        Ok(signature) if document.is(document.root(), DS, "Signature") && alone => {
            let cover = OfPackage {
                package,
                signatures,
                sha1: reliance.sha1,
            };
            xmldsig::judge(&document, &signature, &Nothing, reliance, &cover)
        }
        _ => failed(Reason::MalformedSignature),
    }
}

/// What the manifest of a signature covers of a package.
struct OfPackage<'a> {
    package: &'a Package<'a>,
    signatures: &'a Signatures,
    sha1: bool,
}

/// What is covered.
#[derive(Default)]
struct Covered {
    /// Parts whose bytes are covered, by their names in lower case.
    parts: BTreeSet<String>,
    /// Of lists of relationships, by their names in lower case, those that are covered.
    relationships: BTreeMap<String, Selection>,
    /// Names for the report, in the order of the manifest.
    names: Vec<String>,
}

impl Cover for OfPackage<'_> {
    fn cover(
        &self,
        document: &Document<'_>,
        signature: &ReadSignature,
        targets: &[Target],
        report: &mut SignatureReport,
    ) -> Result<(), Finding> {
        let manifest = manifest(document, signature, targets)?;
        let references = document
            .children(manifest)
            .take(MAX_REFERENCES + 1)
            .map(|child| ReadReference::read(document, child).map_err(|_| MALFORMED))
            .collect::<Result<Vec<_>, _>>()?;
        if references.len() > MAX_REFERENCES {
            return Err(MALFORMED);
        }
        if references.is_empty() {
            return Err((SubIndication::SignedDataNotFound, Reason::NothingSigned));
        }
        let mut covered = Covered::default();
        for reference in &references {
            self.check(document, reference, &mut covered, report)?;
        }
        self.describe(&covered, report)
    }
}

/// The one manifest of the signature. It stands in an Object whose digest is signed; no other may be there for a
/// program to take (12.2.4.3).
fn manifest(
    document: &Document<'_>,
    signature: &ReadSignature,
    targets: &[Target],
) -> Result<ElementId, Finding> {
    for (reference, target) in signature.references.iter().zip(targets) {
        let Target::Element(element) = target else {
            return Err((SubIndication::SignedDataNotFound, Reason::ExternalReference));
        };
        if !signature.has_inside(document, *element) {
            return Err(WRAPPING);
        }
        // Nothing may be left out of what is signed between here and its digest.
        if reference
            .transforms
            .iter()
            .any(|transform| Canonicalization::from_uri(&transform.uri).is_none())
        {
            return Err(NOT_ALLOWED);
        }
    }
    let all: Vec<ElementId> = document
        .elements()
        .filter(|element| document.is(*element, DS, "Manifest"))
        .take(2)
        .collect();
    let [manifest] = all[..] else {
        let reason = if all.is_empty() {
            (SubIndication::SignedDataNotFound, Reason::NothingSigned)
        } else {
            WRAPPING
        };
        return Err(reason);
    };
    // An Object that nothing covers might be taken for one that is signed.
    let beside = |object: &ElementId| {
        !targets.contains(&Target::Element(*object)) && !xmldsig::holds_properties(document, *object)
    };
    if signature.objects.iter().any(beside) {
        return Err(WRAPPING);
    }
    let object = document.parent(manifest).ok_or(MALFORMED)?;
    let signed = signature.objects.contains(&object) && targets.contains(&Target::Element(object));
    if signed { Ok(manifest) } else { Err(WRAPPING) }
}

impl OfPackage<'_> {
    /// One reference of the manifest: a part, its content type, its digest.
    fn check(
        &self,
        document: &Document<'_>,
        reference: &ReadReference,
        covered: &mut Covered,
        report: &mut SignatureReport,
    ) -> Result<(), Finding> {
        let without = (SubIndication::SignedDataNotFound, Reason::ReferenceWithoutUri);
        let uri = reference.uri.as_deref().ok_or(without)?;
        let external = (SubIndication::SignedDataNotFound, Reason::ExternalReference);
        let (name, stated) = part_of(uri).ok_or(external)?;
        let missing = (SubIndication::SignedDataNotFound, Reason::ReferenceNotFound);
        let part = self.package.part(&name).ok_or(missing)?;
        if self.package.content_type(&name) != Some(stated.as_str()) {
            return Err((SubIndication::HashFailure, Reason::ContentTypeMismatch));
        }
        let hash = self.hash(reference, report)?;
        let selection = compare(document, reference, hash, part, &stated)?;
        let twice = match selection {
            Some(selection) => covered
                .relationships
                .insert(part.folded.clone(), selection)
                .is_some(),
            None => !covered.parts.insert(part.folded.clone()),
        };
        if twice {
            return Err(MALFORMED);
        }
        covered.names.push(part.name.clone());
        Ok(())
    }

    fn hash(&self, reference: &ReadReference, report: &mut SignatureReport) -> Result<Hash, Finding> {
        let hash = digest_from_uri(&reference.digest_method).ok_or((
            SubIndication::CryptoConstraintsFailure,
            Reason::AlgorithmNotAccepted,
        ))?;
        if hash == Hash::Sha1 {
            report.warn(Warning::Sha1);
            if !self.sha1 {
                return Err((SubIndication::CryptoConstraintsFailure, Reason::Sha1NotAccepted));
            }
        }
        Ok(hash)
    }

    /// Says what is covered, and finds what is not.
    fn describe(&self, covered: &Covered, report: &mut SignatureReport) -> Result<(), Finding> {
        report.covered.clone_from(&covered.names);
        let about = self.about(covered);
        let own_items = OwnItems::find(self.package);
        let (mut signed, mut total) = (0_u64, 0_u64);
        let (mut missing, mut added) = (Vec::new(), false);
        for part in self.package.parts() {
            if self.signatures.own.contains(&part.folded) {
                continue;
            }
            let len = part.entry.bytes.len() as u64;
            total += len;
            if covered.parts.contains(&part.folded) {
                signed += len;
                continue;
            }
            let Some((source, list)) = &part.list else {
                added |= !about.contains(&part.folded) && !own_items.has(&part.folded);
                missing.push(part.name.clone());
                continue;
            };
            signed += len;
            let selection = covered.relationships.get(&part.folded);
            for one in list.iter() {
                let selected = selection.is_some_and(|selection| selection.has(one));
                if selected || source == "/" && one.kind == package::ORIGIN {
                    continue;
                }
                let is_about = source == "/" && self.leads_to_about(one, &about);
                added |= !is_about && !own_items.are_target_of(source, one);
                missing.push(format!("{}#{}", part.name, one.id));
            }
        }
        missing.extend_from_slice(self.package.discarded());
        report.coverage = Some(Coverage {
            whole: missing.is_empty(),
            signed_bytes: signed,
            total_bytes: total,
            revision: None,
            revisions: None,
        });
        missing.truncate(MAX_NAMES);
        report.not_covered = missing;
        if !report.not_covered.is_empty() {
            report.warn(Warning::NotAllCovered);
        }
        if added {
            return Err((SubIndication::FormatFailure, Reason::ContainerFileNotCovered));
        }
        Ok(())
    }

    /// The parts that are about the document: what relationships of the package lead to that no signature covers. In
    /// lower case.
    fn about(&self, covered: &Covered) -> HashSet<String> {
        let list = self.package.relationships("/");
        list.iter()
            .flat_map(|list| list.iter())
            .filter_map(|one| self.about_target(one))
            .filter(|target| !covered.parts.contains(target))
            .collect()
    }

    /// The part, in lower case, that such a relationship leads to.
    fn about_target(&self, one: &Relationship) -> Option<String> {
        let target = package::resolve("/", &one.target).filter(|_| !one.external)?;
        let content_type = self.package.content_type(&target)?;
        is_about(&one.kind, content_type).then(|| target.to_ascii_lowercase())
    }

    fn leads_to_about(&self, one: &Relationship, about: &HashSet<String>) -> bool {
        self.about_target(one)
            .is_some_and(|target| about.contains(&target))
    }
}

/// Whether the digest of a part fits; of a list of relationships, of which of them.
fn compare(
    document: &Document<'_>,
    reference: &ReadReference,
    hash: Hash,
    part: &Part<'_>,
    content_type: &str,
) -> Result<Option<Selection>, Finding> {
    let fits = |octets: &[u8]| hash.digest(octets) == reference.digest;
    let bytes = part.entry.bytes.as_slice();
    let (good, selection) = match &reference.transforms[..] {
        [] => (fits(bytes), None),
        [form] => (fits(&canonical(document, form, bytes)?), None),
        [transform, form] if transform.uri == RELATIONSHIP_TRANSFORM => {
            let list = part.list.as_ref().filter(|_| content_type == RELATIONSHIPS_TYPE);
            let (_, list) = list.ok_or(NOT_ALLOWED)?;
            let selection = selection(document, transform.element)?;
            let mut good = fits(&canonical(
                document,
                form,
                list.transformed(&selection).as_bytes(),
            )?);
            if !good && let Some(other) = list.transformed_by_xmlsec(&selection) {
                good = fits(&canonical(document, form, other.as_bytes())?);
            }
            (good, Some(selection))
        }
        _ => return Err(NOT_ALLOWED),
    };
    if good {
        Ok(selection)
    } else {
        Err((SubIndication::HashFailure, Reason::ReferenceDigestMismatch))
    }
}

/// The part and the content type that a reference of a manifest names (12.2.4.7): `/name?ContentType=type`.
fn part_of(uri: &str) -> Option<(String, String)> {
    let (name, query) = uri.split_once('?')?;
    let content_type = query.strip_prefix("ContentType=")?;
    if !name.starts_with('/') || name.contains('#') {
        return None;
    }
    Some((percent_decoded(name)?, percent_decoded(content_type)?))
}

fn canonical(document: &Document<'_>, form: &ReadAlgorithm, bytes: &[u8]) -> Result<Vec<u8>, Finding> {
    let form = canonicalization(document, form).ok_or(NOT_ALLOWED)?;
    let malformed = (SubIndication::FormatFailure, Reason::MalformedXml);
    let parsed = Document::parse(bytes).map_err(|_| malformed)?;
    form.to_vec(&parsed, None, None, &Outer::default())
        .map_err(|_| malformed)
}

/// The parameters of the transform of relationships.
fn selection(document: &Document<'_>, transform: ElementId) -> Result<Selection, Finding> {
    let mut selection = Selection::default();
    for child in document.children(transform) {
        let (set, name) = if document.is(child, SIGNATURE_NS, "RelationshipReference") {
            (&mut selection.ids, "SourceId")
        } else if document.is(child, SIGNATURE_NS, "RelationshipsGroupReference") {
            (&mut selection.kinds, "SourceType")
        } else {
            return Err(NOT_ALLOWED);
        };
        let value = document.attribute(child, name).ok_or(NOT_ALLOWED)?;
        set.insert(value.into_owned());
    }
    Ok(selection)
}
