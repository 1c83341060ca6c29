//! What certificates want beyond the table (section 4.6).

use cryptoki_sys::*;
use der::asn1::AnyRef;
use der::{Decode, Reader, SliceReader};

use super::Draft;
use crate::attribute::Value;
use crate::error::{Error, Result};
use crate::object::check_value;

impl Draft {
    /// Checks a certificate and fills in what it says itself, where the host left it out, so that everybody can find
    /// it by that.
    pub(super) fn complete_certificate(&mut self) -> Result<()> {
        if !matches!(
            self.ulong(CKA_CERTIFICATE_CATEGORY),
            Some(..=CK_CERTIFICATE_CATEGORY_OTHER_ENTITY)
        ) || !matches!(
            self.ulong(CKA_JAVA_MIDP_SECURITY_DOMAIN),
            None | Some(..=CK_SECURITY_DOMAIN_THIRD_PARTY)
        ) {
            return Err(Error::AttributeValueInvalid);
        }
        if self.ulong(CKA_CERTIFICATE_TYPE) == Some(CKC_X_509) {
            self.complete_x509()?;
        }
        let value = self.bytes(CKA_VALUE).unwrap_or_default();
        let expected = (!value.is_empty()).then(|| check_value::of_certificate(value));
        self.settle_check_value(expected)
    }

    fn complete_x509(&mut self) -> Result<()> {
        let value = self.bytes(CKA_VALUE).unwrap_or_default().to_vec();
        let is_given = |kind| self.bytes(kind).is_some_and(|value| !value.is_empty());
        if value.is_empty() {
            // The certificate is elsewhere; then the template has to say where, and what it is (table 17).
            if !is_given(CKA_URL) {
                return Err(Error::AttributeValueInvalid);
            }
            let needed = [
                CKA_HASH_OF_SUBJECT_PUBLIC_KEY,
                CKA_HASH_OF_ISSUER_PUBLIC_KEY,
                CKA_SUBJECT,
            ];
            let is_whole = needed.into_iter().all(is_given);
            return is_whole.then_some(()).ok_or(Error::TemplateIncomplete);
        }
        let parts = CertificateParts::read(&value).map_err(|_| Error::AttributeValueInvalid)?;
        let given_key = self.bytes(CKA_PUBLIC_KEY_INFO).filter(|given| !given.is_empty());
        if given_key.is_some_and(|given| given != parts.public_key_info) {
            return Err(Error::AttributeValueInvalid);
        }
        for (kind, found) in [
            (CKA_SUBJECT, parts.subject),
            (CKA_ISSUER, parts.issuer),
            (CKA_SERIAL_NUMBER, parts.serial_number),
            (CKA_PUBLIC_KEY_INFO, parts.public_key_info),
        ] {
            if self.bytes(kind).is_none_or(<[u8]>::is_empty) {
                self.insert(kind, Value::bytes(found));
            }
        }
        Ok(())
    }

    /// Puts the check value in place: computed, or as given if it is right; an empty one says that none is wanted
    /// (4.10.2).
    pub(super) fn settle_check_value(&mut self, expected: Option<[u8; 3]>) -> Result<()> {
        match (self.bytes(CKA_CHECK_VALUE), expected) {
            (Some([]), _) | (None, None) => Ok(()),
            (Some(given), Some(expected)) if given == expected => Ok(()),
            (Some(_), _) => Err(Error::AttributeValueInvalid),
            (None, Some(expected)) => {
                self.insert(CKA_CHECK_VALUE, Value::bytes(expected));
                Ok(())
            }
        }
    }
}

/// The DER of the parts of a certificate that PKCS #11 has attributes for (RFC 5280, 4.1).
struct CertificateParts {
    serial_number: Vec<u8>,
    issuer: Vec<u8>,
    subject: Vec<u8>,
    public_key_info: Vec<u8>,
}

impl CertificateParts {
    fn read(certificate: &[u8]) -> der::Result<Self> {
        let mut outer = SliceReader::new(certificate)?;
        let parts = outer.sequence(|certificate| {
            let parts = certificate.sequence(|tbs: &mut SliceReader<'_>| {
                if tbs.peek_byte() == Some(0xa0) {
                    AnyRef::decode(tbs)?; // version
                }
                let serial_number = tbs.tlv_bytes()?.to_vec();
                tbs.tlv_bytes()?; // signature algorithm
                let issuer = tbs.tlv_bytes()?.to_vec();
                tbs.tlv_bytes()?; // validity
                let subject = tbs.tlv_bytes()?.to_vec();
                let public_key_info = tbs.tlv_bytes()?.to_vec();
                while !tbs.is_finished() {
                    tbs.tlv_bytes()?;
                }
                Ok::<_, der::Error>(Self {
                    serial_number,
                    issuer,
                    subject,
                    public_key_info,
                })
            })?;
            certificate.tlv_bytes()?; // signature algorithm
            certificate.tlv_bytes()?; // signature
            Ok::<_, der::Error>(parts)
        })?;
        outer.finish()?;
        Ok(parts)
    }
}
