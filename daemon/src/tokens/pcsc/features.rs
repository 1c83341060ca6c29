//! What a reader can do beside passing APDUs on (PC/SC part 10, 2.2 and 2.6): a PIN pad, and long APDUs.

use super::apdu::Lengths;

/// `CM_IOCTL_GET_FEATURE_REQUEST` (PC/SC part 10, 2.2)
const GET_FEATURE_REQUEST: u32 = 3400;

/// `FEATURE_VERIFY_PIN_DIRECT`
const VERIFY_PIN_DIRECT: u8 = 0x06;

/// `FEATURE_MODIFY_PIN_DIRECT`
const MODIFY_PIN_DIRECT: u8 = 0x07;

/// `FEATURE_GET_TLV_PROPERTIES`
const GET_TLV_PROPERTIES: u8 = 0x12;

/// `dwMaxAPDUDataSize` among the properties (part 10, 2.6.14)
const MAX_APDU_DATA_SIZE: u8 = 0x0a;

/// Seconds that a person has at the reader.
pub const SECONDS_AT_THE_READER: u8 = 60;

/// What a reader offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Features {
    /// The control code that has the reader ask for a PIN and verify it, if it has a pad.
    pub verify_pin: Option<u32>,
    /// The control code that has the reader ask for the old PIN and the new one and replace it, if it can.
    pub modify_pin: Option<u32>,
    /// The reader passes on APDUs of extended length.
    extended: bool,
}

impl Features {
    /// Asks the reader. One that says nothing offers nothing.
    #[must_use]
    pub fn read(card: &pcsc::Card) -> Self {
        let mut answer = [0; 512];
        let Ok(list) = card.control(pcsc::ctl_code(GET_FEATURE_REQUEST.into()), &[], &mut answer) else {
            return Self::default();
        };
        let list = list.to_vec();
        let properties = code_of(&list, GET_TLV_PROPERTIES).and_then(|code| {
            let mut answer = [0; 512];
            card.control(code.into(), &[], &mut answer)
                .ok()
                .map(<[u8]>::to_vec)
        });
        Self {
            verify_pin: code_of(&list, VERIFY_PIN_DIRECT),
            modify_pin: code_of(&list, MODIFY_PIN_DIRECT),
            extended: properties.is_some_and(|properties| passes_long_apdus(&properties)),
        }
    }

    /// Which lengths may be used: extended ones only where the reader passes them on and the card's answer to reset says
    /// that it takes them.
    #[must_use]
    pub fn lengths(self, atr: &[u8]) -> Lengths {
        if self.extended && takes_extended(atr) {
            Lengths::Extended
        } else {
            Lengths::Short
        }
    }
}

/// The control code of a feature: a list of tag, length 4, code in big-endian order.
fn code_of(list: &[u8], feature: u8) -> Option<u32> {
    list.chunks_exact(6)
        .find(|entry| entry[0] == feature && entry[1] == 4)
        .map(|entry| u32::from_be_bytes([entry[2], entry[3], entry[4], entry[5]]))
}

/// Properties are a list of tag, length, little-endian value. 256 is what fits into a short APDU.
fn passes_long_apdus(mut properties: &[u8]) -> bool {
    while let [tag, length, rest @ ..] = properties {
        let Some(value) = rest.get(..usize::from(*length)) else {
            return false;
        };
        if let (MAX_APDU_DATA_SIZE, [a, b, c, d]) = (*tag, value) {
            return u32::from_le_bytes([*a, *b, *c, *d]) > 256;
        }
        properties = &rest[value.len()..];
    }
    false
}

/// Extended lengths in the card capabilities of the historical bytes (ISO/IEC 7816-4, 12.1.1.9, table 119).
fn takes_extended(atr: &[u8]) -> bool {
    let Some(historical) = historical_bytes(atr) else {
        return false;
    };
    let Some((0x00 | 0x80, mut objects)) = historical.split_first() else {
        return false;
    };
    while let [head, rest @ ..] = objects {
        let Some(value) = rest.get(..usize::from(head & 0xf)) else {
            return false;
        };
        if let (7, [_, _, third]) = (head >> 4, value) {
            return third & 0x40 != 0;
        }
        objects = &rest[value.len()..];
    }
    false
}

/// ISO/IEC 7816-3, 8.2: after TS, T0 and the interface bytes that are announced.
fn historical_bytes(atr: &[u8]) -> Option<&[u8]> {
    let (mut announced, count) = (atr.get(1)? >> 4, usize::from(atr.get(1)? & 0xf));
    let mut at = 2;
    // Each TD announces the next group; an ATR has no room for more than this.
    for _ in 0..8 {
        at += usize::from((announced & 7).count_ones() as u8);
        if announced & 8 == 0 {
            return atr.get(at..at + count);
        }
        announced = atr.get(at)? >> 4;
        at += 1;
    }
    None
}

/// How both structures describe a PIN: units are bytes, left justified, ASCII (`bmFormatString`); in a block of eight
/// bytes (`bmPINBlockString`); with no length in the command (`bmPINLengthFormat`).
const FORMAT: [u8; 3] = [0x82, 0x08, 0x00];

/// `wPINMaxExtraDigit`: the most and the fewest characters.
const LENGTHS: [u8; 2] = [8, 6];

/// `bEntryValidationCondition`: the confirmation key.
const CONFIRMATION_KEY: u8 = 0x02;

/// What a PIN's block is filled with until the reader writes the PIN into it.
const BLOCK: [u8; 8] = [0xff; 8];

/// `PIN_VERIFY_STRUCTURE` (part 10, 2.6.2) for a PIV VERIFY: 6 to 8 characters in ASCII, left justified in a block of
/// eight bytes that is filled with FF. `language` is a Windows language identifier.
#[must_use]
pub fn pin_verify_structure(header: [u8; 4], language: u16) -> Vec<u8> {
    let mut structure = vec![SECONDS_AT_THE_READER; 2]; // bTimeOut, bTimeOut2: after the first key
    structure.extend(FORMAT);
    structure.extend(LENGTHS);
    structure.extend([CONFIRMATION_KEY, 1]); // bNumberMessage
    structure.extend(language.to_le_bytes()); // wLangId
    structure.extend([0, 0, 0, 0]); // bMsgIndex, bTeoPrologue
    with_command(structure, header, &BLOCK)
}

/// `PIN_MODIFY_STRUCTURE` (part 10, 2.6.3) for a PIV CHANGE REFERENCE DATA: the old PIN in the first block, the
/// new one, typed twice, in the second.
#[must_use]
pub fn pin_modify_structure(header: [u8; 4], language: u16) -> Vec<u8> {
    let mut structure = vec![SECONDS_AT_THE_READER; 2];
    structure.extend(FORMAT);
    structure.extend([0, BLOCK.len() as u8]); // bInsertionOffsetOld, bInsertionOffsetNew
    structure.extend(LENGTHS);
    structure.push(0x03); // bConfirmPIN: the new one twice, and the old one before it
    structure.extend([CONFIRMATION_KEY, 3]); // bNumberMessage
    structure.extend(language.to_le_bytes()); // wLangId
    structure.extend([0, 1, 2, 0, 0, 0]); // bMsgIndex1 to 3, bTeoPrologue
    with_command(structure, header, &[BLOCK, BLOCK].concat())
}

/// `ulDataLength` and the command that the reader fills in and sends.
fn with_command(mut structure: Vec<u8>, header: [u8; 4], data: &[u8]) -> Vec<u8> {
    let apdu = [&header[..], &[data.len() as u8], data].concat();
    structure.extend((apdu.len() as u32).to_le_bytes());
    structure.extend(apdu);
    structure
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_are_found_by_their_tags() {
        let list = [0x12, 4, 0x42, 0x33, 0, 0x12, 0x06, 4, 0x42, 0x33, 0, 0x06];
        assert_eq!(code_of(&list, VERIFY_PIN_DIRECT), Some(0x4233_0006));
        assert_eq!(code_of(&list, 7), None);
        assert_eq!(code_of(&list[..5], 0x12), None);
    }

    #[test]
    fn long_apdus_need_a_reader_that_says_so() {
        assert!(passes_long_apdus(&[0x0a, 4, 0, 0, 1, 0]));
        assert!(!passes_long_apdus(&[0x0a, 4, 0, 1, 0, 0]));
        assert!(!passes_long_apdus(&[0x0a, 4, 0, 0, 1]));
        assert!(!passes_long_apdus(&[0x0a, 4, 0, 0, 0, 0]));
        assert!(!passes_long_apdus(&[1, 9, 0]));
    }

    #[test]
    fn n117_answers_to_reset_of_any_length_say_whether_the_card_takes_extended_lengths() {
        let with = [0x3b, 0x84, 0x80, 0x01, 0x80, 0x73, 0xff, 0x01, 0x40];
        // T0 announces four historical bytes: the category indicator, and three that are cut off here.
        assert!(!takes_extended(&with));
        let whole = [0x3b, 0x95, 0x13, 0x81, 0x01, 0x80, 0x73, 0xff, 0x01, 0x40, 0x0b];
        assert!(takes_extended(&whole));
        let without = [0x3b, 0x95, 0x13, 0x81, 0x01, 0x80, 0x73, 0xff, 0x01, 0x00, 0x0b];
        assert!(!takes_extended(&without));
        for length in 0..=64 {
            assert!(!takes_extended(&vec![0xff; length]), "{length} bytes");
            assert!(!takes_extended(&vec![0x3b; length]), "{length} bytes");
            let _ = takes_extended(&whole[..length.min(whole.len())]);
        }
    }

    #[test]
    fn structures_for_the_pad_have_their_lengths_in_them() {
        let structure = pin_verify_structure([0, 0x20, 0, 0x80], 0x042a);
        assert_eq!(structure.len(), 19 + 13);
        assert_eq!(structure[15..19], [13, 0, 0, 0]);
        assert_eq!(structure[19..24], [0, 0x20, 0, 0x80, 8]);
        assert_eq!(structure[..9], [60, 60, 0x82, 8, 0, 8, 6, 2, 1]);
        let structure = pin_modify_structure([0, 0x24, 0, 0x80], 0x042a);
        assert_eq!(structure.len(), 24 + 21);
        assert_eq!(structure[..12], [60, 60, 0x82, 8, 0, 0, 8, 8, 6, 3, 2, 3]);
        assert_eq!(structure[20..24], [21, 0, 0, 0]);
        assert_eq!(structure[24..29], [0, 0x24, 0, 0x80, 16]);
    }
}
