//! What proves a signature long after it was made: certificates, CRLs and OCSP responses, each as it came.
//!
//! Every format has its own place for them (the fields of SignedData, the DSS dictionary of PDF, unsigned properties of
//! XAdES); what goes there, and what is found there, is this.

/// The longest CRL that is read, in bytes.
pub const MAX_CRL: usize = 10 * 1024 * 1024;

/// The longest OCSP response that is read, in bytes.
pub const MAX_OCSP: usize = 100 * 1024;

/// Long-term validation material (EN 319 102-1, clause 3.1: validation data).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ValidationMaterial {
    /// Certificates, each the DER of a `Certificate` (RFC 5280).
    pub certificates: Vec<Vec<u8>>,
    /// Revocation lists, each the DER of a `CertificateList` (RFC 5280).
    pub crls: Vec<Vec<u8>>,
    /// OCSP answers, each the DER of an `OCSPResponse` (RFC 6960).
    pub ocsp_responses: Vec<Vec<u8>>,
}

impl ValidationMaterial {
    /// Whether there is nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.certificates.is_empty() && self.crls.is_empty() && self.ocsp_responses.is_empty()
    }

    /// Whether something in it says what is revoked.
    #[must_use]
    pub fn has_revocation(&self) -> bool {
        !self.crls.is_empty() || !self.ocsp_responses.is_empty()
    }

    /// Takes in what the other one holds, each piece once.
    pub fn merge(&mut self, other: &Self) {
        for (own, more) in [
            (&mut self.certificates, &other.certificates),
            (&mut self.crls, &other.crls),
            (&mut self.ocsp_responses, &other.ocsp_responses),
        ] {
            for piece in more {
                if !own.contains(piece) {
                    own.push(piece.clone());
                }
            }
        }
    }

    /// What of it is not in `present` yet.
    #[must_use]
    pub fn beyond(&self, present: &Self) -> Self {
        let missing = |own: &[Vec<u8>], present: &[Vec<u8>]| {
            own.iter()
                .filter(|piece| !present.contains(piece))
                .cloned()
                .collect()
        };
        Self {
            certificates: missing(&self.certificates, &present.certificates),
            crls: missing(&self.crls, &present.crls),
            ocsp_responses: missing(&self.ocsp_responses, &present.ocsp_responses),
        }
    }
}
