//! Looking for paths: from the signer upwards, along names and signatures that fit, within a budget.
//!
//! Whether a path is acceptable is judged in [`super::check`]; here a certificate is only taken as an issuer when its
//! key really made the signature below it, so that look-alikes cost one verification each and open no new branches.

use super::{MAX_DEPTH, Reliance};
use crate::certificate::Certificate;
use crate::report::{Reason, SubIndication};

/// Paths that are handed on for judgement.
const MAX_PATHS: usize = 8;

/// Signatures that are verified while looking.
const MAX_VERIFICATIONS: usize = 32;

/// A path, the signer's certificate first, an anchor last. Only the search makes one: each certificate is signed by the
/// key of the one behind it.
#[derive(Clone)]
pub(super) struct Linked<'a>(Vec<&'a Certificate>);

impl<'a> Linked<'a> {
    pub(super) fn certificates(&self) -> &[&'a Certificate] {
        &self.0
    }

    pub(super) fn to_owned(&self) -> Vec<Certificate> {
        self.0.iter().copied().cloned().collect()
    }
}

/// What the search came to.
pub(super) struct Found<'a> {
    pub(super) paths: Vec<Linked<'a>>,
    /// What stopped a branch, for the case that there are no paths.
    pub(super) obstacle: Option<(SubIndication, Reason)>,
}

struct Search<'a> {
    anchors: &'a [Certificate],
    pool: Vec<&'a Certificate>,
    verifications: usize,
    sha1: bool,
    found: Found<'a>,
}

/// All paths within the budget.
pub(super) fn candidates<'a>(
    leaf: &'a Certificate,
    embedded: &'a [Certificate],
    reliance: &Reliance<'a>,
) -> Found<'a> {
    let mut search = Search {
        anchors: reliance.anchors.certificates(),
        pool: reliance.intermediates.iter().chain(embedded).collect(),
        verifications: 0,
        sha1: reliance.sha1,
        found: Found {
            paths: Vec::new(),
            obstacle: None,
        },
    };
    if search.anchors.contains(leaf) {
        search.found.paths.push(Linked(vec![leaf]));
    }
    search.climb(&mut Linked(vec![leaf]));
    search.found
}

impl<'a> Search<'a> {
    /// Extends `path` by every issuer of its last certificate. Recursion ends at [`MAX_DEPTH`].
    fn climb(&mut self, path: &mut Linked<'a>) {
        if path.0.len() >= MAX_DEPTH {
            self.obstacle(SubIndication::CertificateChainGeneralFailure, Reason::PathLimit);
            return;
        }
        for anchor in self.anchors {
            if self.extends(path, anchor) && self.found.paths.len() < MAX_PATHS {
                let mut whole = path.clone();
                whole.0.push(anchor);
                self.found.paths.push(whole);
            }
        }
        for at in 0..self.pool.len() {
            let issuer = self.pool[at];
            if self.found.paths.len() >= MAX_PATHS || self.verifications >= MAX_VERIFICATIONS {
                return;
            }
            if !self.anchors.contains(issuer) && self.extends(path, issuer) {
                path.0.push(issuer);
                self.climb(path);
                path.0.pop();
            }
        }
    }

    /// Whether `issuer` made the last certificate of `path` and does not stand in it yet. The same name with the same
    /// key counts as standing in it, whatever else the certificate says: that is how cross-signed CAs make circles.
    fn extends(&mut self, path: &Linked<'a>, issuer: &'a Certificate) -> bool {
        let Some(last) = path.0.last() else {
            return false;
        };
        let circle = path.0.iter().any(|passed| {
            passed.subject_der() == issuer.subject_der() && passed.public_key_der() == issuer.public_key_der()
        });
        if circle || !last.may_be_issued_by(issuer) {
            return false;
        }
        if self.verifications >= MAX_VERIFICATIONS {
            self.obstacle(SubIndication::CertificateChainGeneralFailure, Reason::PathLimit);
            return false;
        }
        self.verifications += 1;
        match last.is_signed_by(issuer, self.sha1) {
            Ok(true) => return true,
            Ok(false) => self.obstacle(
                SubIndication::CertificateChainGeneralFailure,
                Reason::PathSignature,
            ),
            Err(_) => {
                // Of SHA-1 it is told that whoever validates may let it in.
                let old = !self.sha1 && last.is_signed_by(issuer, true) == Ok(true);
                let reason = match old {
                    true => Reason::Sha1NotAccepted,
                    false => Reason::AlgorithmNotAccepted,
                };
                self.obstacle(SubIndication::CryptoConstraintsFailure, reason);
            }
        }
        false
    }

    fn obstacle(&mut self, sub_indication: SubIndication, reason: Reason) {
        self.found.obstacle.get_or_insert((sub_indication, reason));
    }
}
