//! What a signature covers, by the elements and files whose digests it holds, and what of the document it leaves out.

use super::DS;
use super::read::ReadSignature;
use super::reference::Target;
use crate::report::{Coverage, Reason, SignatureReport, SubIndication, Warning};
use crate::validation::Finding;
use crate::xml::{Document, ElementId};

/// Names of elements in the report that are, or are not, covered. Of files every name counts: what of a container is
/// not covered is found by them, and there are no more than a signature has references.
const MAX_NAMES: usize = 16;

/// What a format makes of the references of a signature whose digests fit: it writes into the report what is covered.
pub(crate) trait Cover {
    /// Says what is covered by these targets, in the order of the references.
    fn cover(
        &self,
        document: &Document<'_>,
        signature: &ReadSignature,
        targets: &[Target],
        report: &mut SignatureReport,
    ) -> Result<(), Finding>;
}

/// The parts of the document that the references point to.
pub(super) struct OfDocument;

impl Cover for OfDocument {
    fn cover(
        &self,
        document: &Document<'_>,
        signature: &ReadSignature,
        targets: &[Target],
        report: &mut SignatureReport,
    ) -> Result<(), Finding> {
        let total = document.text().len() as u64 - document.span(signature.element).len() as u64;
        let (mut signed, mut whole, mut content, mut beside) = (0, false, false, false);
        let enveloping = signature.element == document.root();
        // What a manifest says of other data is signed (XML-DSig, 5.1); that they are as it says, nobody looks at here.
        let manifests: Vec<ElementId> = document
            .elements()
            .filter(|element| document.is(*element, DS, "Manifest"))
            .collect();
        for target in targets {
            match target {
                Target::Document => {
                    (whole, content, signed) = (true, true, total);
                    report.covered.push("/".to_owned());
                }
                Target::External(uri) => {
                    (beside, content) = (true, true);
                    report.covered.push(uri.clone());
                }
                Target::Element(element) => {
                    let own = signature.has_inside(document, *element);
                    let length = document.span(*element).len() as u64;
                    if own && !is_own_content(document, signature, *element) {
                        continue;
                    }
                    content = true;
                    let next = manifests.get(manifests.partition_point(|inner| inner < element));
                    if next.is_some_and(|inner| document.contains(*element, *inner)) {
                        report.leaves_out("Manifest");
                    }
                    if report.covered.len() < MAX_NAMES {
                        report.covered.push(name_of(document, *element));
                    }
                    if *element == document.root() || own && enveloping {
                        (whole, signed) = (true, total);
                    } else if !whole {
                        signed = (signed + length).min(total);
                    }
                }
            }
        }
        if !content {
            return Err((SubIndication::SignedDataNotFound, Reason::NothingSigned));
        }
        if !whole {
            report.not_covered = uncovered(document, signature.element, targets);
            if !report.not_covered.is_empty() {
                report.warn(Warning::NotAllCovered);
            }
            // What lies beside is all there is only where the document itself holds nothing but signatures.
            whole = beside && report.not_covered.is_empty();
        }
        report.coverage = Some(Coverage {
            whole,
            signed_bytes: if whole { total } else { signed },
            total_bytes: total,
            revision: None,
            revisions: None,
        });
        Ok(())
    }
}

/// The value of another signature, which a counter-signature confirms.
pub(super) struct OfValue(pub(super) ElementId);

impl Cover for OfValue {
    fn cover(
        &self,
        document: &Document<'_>,
        _: &ReadSignature,
        _: &[Target],
        report: &mut SignatureReport,
    ) -> Result<(), Finding> {
        report.covered.push(name_of(document, self.0));
        Ok(())
    }
}

/// An Object of an enveloping signature is content; properties of the signature are not, and of a signature that
/// stands in a document nothing inside is.
fn is_own_content(document: &Document<'_>, signature: &ReadSignature, element: ElementId) -> bool {
    let enveloping = signature.element == document.root();
    let properties = document
        .children(element)
        .any(|child| document.local_name(child) == "SignatureProperties" && document.namespace(child) == DS);
    enveloping && document.is(element, DS, "Object") && !properties
}

fn name_of(document: &Document<'_>, element: ElementId) -> String {
    let name = document.local_name(element);
    match document.id(element) {
        Some(id) => format!("{name}#{id}"),
        None => name.to_owned(),
    }
}

/// The outermost elements that nothing of this signature covers; what only holds signatures is left out.
fn uncovered(document: &Document<'_>, signature: ElementId, targets: &[Target]) -> Vec<String> {
    let covered: Vec<ElementId> = targets
        .iter()
        .filter_map(|target| match target {
            Target::Element(element) => Some(*element),
            _ => None,
        })
        .collect();
    let mut names = Vec::new();
    let mut waiting: Vec<ElementId> = vec![document.root()];
    while let Some(element) = waiting.pop() {
        if names.len() >= MAX_NAMES || covered.contains(&element) || document.is(element, DS, "Signature") {
            continue;
        }
        let holds = element <= signature && document.contains(element, signature)
            || covered.iter().any(|inner| document.contains(element, *inner));
        let children: Vec<ElementId> = document.children(element).collect();
        let only_signatures =
            !children.is_empty() && children.iter().all(|child| document.is(*child, DS, "Signature"));
        if holds || only_signatures {
            waiting.extend(children.into_iter().rev());
        } else if !document.content_span(element).is_empty() {
            names.push(name_of(document, element));
        }
    }
    names
}
