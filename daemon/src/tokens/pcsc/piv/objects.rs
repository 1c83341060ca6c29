//! Who the card is, and its certificates (SP 800-73-4 part 1, appendix A).

use std::io::Read;

use flate2::read::GzDecoder;
use trien_signatures::certificate::{self, Certificate};

use super::super::apdu::{Command, Malformed, Status};
use super::super::failure::CardError;
use super::slot::{CardAlgorithm, CardKey, Slot};
use super::{Piv, data, tlv};

/// Card Holder Unique Identifier
const CHUID: u32 = 0x5f_c102;

/// Key History Object: how many retired keys there are.
pub(super) const KEY_HISTORY: u32 = 0x5f_c10c;

/// The first two bytes of a gzip member (RFC 1952, 2.3.1). A certificate begins with 30: what the value begins with is
/// believed before its `CertInfo`, whose bits cards write in either order.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Characters of the serial number: those of `CK_TOKEN_INFO`, so that a module's name for the same card is the same.
const SERIAL: usize = 16;

/// A certificate as it lies on a card.
#[derive(Debug, Clone)]
pub struct CardCertificate {
    /// Where.
    pub slot: Slot,
    /// The certificate.
    pub certificate: Certificate,
    /// The key beside it; none if it is of a kind that no signature is made with here.
    pub key: Option<CardKey>,
    /// What the card answered.
    answer: Vec<u8>,
}

/// Whether a card is another one than that of before, as far as its certificates tell.
#[derive(Debug)]
pub enum Another {
    /// It is, and these are its certificates.
    Is(Vec<CardCertificate>),
    /// Its first certificate begins as that of the card before. These are that one, as it was then, and those of the slots
    /// before it.
    Perhaps(Vec<CardCertificate>),
}

impl Piv<'_, '_> {
    /// The card's serial number: the end of its GUID in hexadecimal, or of its FASC-N where that is all zeros. Empty for
    /// a card that was never given one.
    ///
    /// # Errors
    /// [`CardError`]
    pub fn serial(&mut self) -> Result<String, CardError> {
        let Some(chuid) = self.object(CHUID)? else {
            return Ok(String::new());
        };
        let guid = tlv::find(&chuid, 0x34)?.filter(|guid| guid.iter().any(|byte| *byte != 0));
        let number = match guid {
            Some(guid) => guid,
            None => tlv::find(&chuid, 0x30)?.unwrap_or_default(),
        };
        let text = hex::encode(number);
        Ok(text[text.len().saturating_sub(SERIAL)..].to_owned())
    }

    /// The certificates of all slots. One that cannot be read costs itself only.
    ///
    /// # Errors
    /// [`CardError`] of the card; not of a certificate.
    pub fn certificates(&mut self) -> Result<Vec<CardCertificate>, CardError> {
        let mut found = self.usual_certificates(&[], Vec::new())?;
        found.extend(self.retired_certificates(&[])?);
        Ok(found)
    }

    /// The certificates of the four slots that every card has, but for those that were `read` already. Of those that
    /// begin as they did `before`, on the same card, no more than the beginning is read.
    ///
    /// # Errors
    /// As [`Self::certificates`].
    pub fn usual_certificates(
        &mut self,
        before: &[CardCertificate],
        read: Vec<CardCertificate>,
    ) -> Result<Vec<CardCertificate>, CardError> {
        let mut read = read.into_iter().peekable();
        let mut found = Vec::new();
        for slot in Slot::STANDARD {
            match read.next_if(|one| one.slot == slot) {
                Some(one) => found.push(one),
                None => found.extend(self.certificate(slot, before)?),
            }
        }
        Ok(found)
    }

    /// The same of a card that nobody has asked for its number yet: all of them if it is another one than `before`. The
    /// first certificate tells that; where it begins as it did then, no more is read, and the number is to be asked for.
    ///
    /// # Errors
    /// As [`Self::certificates`].
    pub fn certificates_of_another(&mut self, before: &[CardCertificate]) -> Result<Another, CardError> {
        let mut before = before;
        let mut found = Vec::new();
        for slot in Slot::STANDARD {
            let known = before.iter().find(|known| known.slot == slot);
            let read = self.certificate(slot, before)?;
            if let Some(known) = known {
                if read.as_ref().is_some_and(|read| read.answer == known.answer) {
                    found.extend(read);
                    return Ok(Another::Perhaps(found));
                }
                before = &[];
            }
            found.extend(read);
        }
        Ok(Another::Is(found))
    }

    /// Those of the slots for retired keys, likewise.
    ///
    /// # Errors
    /// As [`Self::certificates`].
    pub fn retired_certificates(
        &mut self,
        before: &[CardCertificate],
    ) -> Result<Vec<CardCertificate>, CardError> {
        let mut found = Vec::new();
        let announced = self.retired_keys()?;
        for number in 0..announced.unwrap_or(Slot::RETIRED) {
            let Some(slot) = Slot::retired(number) else {
                break;
            };
            match self.certificate(slot, before)? {
                Some(certificate) => found.push(certificate),
                // Few cards keep the history; on one that does not, the retired slots are filled from the first.
                None if announced.is_none() => break,
                None => {}
            }
        }
        Ok(found)
    }

    /// The certificate of one slot, if there is one that can be read.
    ///
    /// # Errors
    /// [`CardError`] of the card.
    fn certificate(
        &mut self,
        slot: Slot,
        before: &[CardCertificate],
    ) -> Result<Option<CardCertificate>, CardError> {
        let known = before.iter().find(|known| known.slot == slot);
        let answer = known.map_or(&[][..], |known| &known.answer);
        let read = match self.answer(slot.object(), answer) {
            Ok(Some(answer)) => inside(&answer).map(|object| object.map(|object| (object, answer))),
            Ok(None) => return Ok(known.cloned()),
            Err(error) => Err(error),
        };
        let (object, answer) = match read {
            Ok(Some(read)) => read,
            Ok(None) | Err(CardError::NotThere) => return Ok(None),
            Err(error @ (CardError::Refused(_) | CardError::Malformed(Malformed::Shape))) => {
                tracing::debug!(%slot, %error, "a certificate on the card cannot be read");
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let read = uncompressed(&object).map(|der| Certificate::from_der(&der));
        let Some(Ok(certificate)) = read else {
            tracing::debug!(%slot, "a certificate on the card is none");
            return Ok(None);
        };
        let key = CardAlgorithm::of_public_key(certificate.public_key())
            .map(|algorithm| CardKey { slot, algorithm });
        Ok(Some(CardCertificate {
            slot,
            certificate,
            key,
            answer,
        }))
    }

    /// How many retired keys the card says it has; none if it does not say.
    pub(super) fn retired_keys(&mut self) -> Result<Option<u8>, CardError> {
        let history = match self.object(KEY_HISTORY) {
            Ok(history) => history,
            Err(CardError::Refused(_) | CardError::Malformed(Malformed::Shape)) => None,
            Err(error) => return Err(error),
        };
        let count = |history: &[u8], tag| tlv::find(history, tag).ok().flatten()?.first().copied();
        Ok(history.map(|history| {
            let (on, off) = (count(&history, 0xc1), count(&history, 0xc2));
            on.unwrap_or(0).saturating_add(off.unwrap_or(0))
        }))
    }

    /// Whether there is anything in the slot that a new key would take the place of. A card that knows GET METADATA (Yubico's)
    /// names a key of which there is no certificate yet. Every other card shows the certificate's object alone, and what
    /// is in that counts whether it can be read or not.
    ///
    /// # Errors
    /// [`CardError`], where nothing is known.
    pub fn is_taken(&mut self, slot: Slot) -> Result<bool, CardError> {
        let asked = self.send(&Command::asking([0, 0xf7, 0, slot.reference()], &[]))?;
        // An applet that has the command for other references may say yes and no more.
        if asked.status == Status::SUCCESS && !asked.data.is_empty() {
            return Ok(true);
        }
        match self.object(slot.object()) {
            Ok(content) => Ok(content.is_some()),
            Err(CardError::Refused(Status::NO_REFERENCE)) => Ok(false),
            Err(CardError::Refused(_) | CardError::Malformed(Malformed::Shape)) => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// What is in an object's template 53; none if there is no such object, or nothing in it.
    fn object(&mut self, tag: u32) -> Result<Option<Vec<u8>>, CardError> {
        match self.answer(tag, &[]) {
            Ok(answer) => inside(&answer.unwrap_or_default()),
            Err(CardError::NotThere) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// GET DATA (part 2, 3.1.2); none if the answer begins as the `known` one.
    fn answer(&mut self, tag: u32, known: &[u8]) -> Result<Option<Vec<u8>>, CardError> {
        let wanted = tlv::object(0x5c, &tag.to_be_bytes()[1..]);
        let command = Command::asking([0, 0xcb, 0x3f, 0xff], &wanted);
        self.link.send_unless(&command, known)?.map(data).transpose()
    }
}

/// What is in the template 53 of an answer, if anything is.
fn inside(answer: &[u8]) -> Result<Option<Vec<u8>>, CardError> {
    let value = tlv::get(answer, 0x53)?;
    Ok((!value.is_empty()).then(|| value.to_vec()))
}

/// The DER of the certificate in an object: 70, perhaps compressed, however large that makes it.
fn uncompressed(object: &[u8]) -> Option<Vec<u8>> {
    let value = tlv::get(object, 0x70).ok()?;
    if !value.starts_with(&GZIP) {
        return Some(value.to_vec());
    }
    let limit = certificate::MAX_LEN as u64 + 1;
    let mut der = Vec::new();
    GzDecoder::new(value).take(limit).read_to_end(&mut der).ok()?;
    ((der.len() as u64) < limit).then_some(der)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn gzip(content: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn a_compressed_certificate_is_read_and_a_bomb_is_not() {
        let plain = tlv::object(0x70, &[0x30, 1, 2]);
        assert_eq!(uncompressed(&plain).unwrap(), [0x30, 1, 2]);
        let packed = tlv::object(0x70, &gzip(&[0x30; 900]));
        assert_eq!(uncompressed(&packed).unwrap(), [0x30; 900]);
        let bomb = tlv::object(0x70, &gzip(&vec![0; 8 * 1024 * 1024]));
        assert!(bomb.len() < 20_000);
        assert_eq!(uncompressed(&bomb), None);
    }

    #[test]
    fn n118_objects_out_of_shape_hold_no_certificate() {
        for object in [
            &[][..],
            &[0x70],
            &[0x70, 0x82, 0xff],
            &[0x71, 1, 0],
            &[0x70, 4, 0x1f, 0x8b, 8, 0],
        ] {
            assert_eq!(uncompressed(object), None, "{object:02x?}");
        }
    }
}
