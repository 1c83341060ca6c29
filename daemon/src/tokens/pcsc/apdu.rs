//! Command and response APDUs (ISO/IEC 7816-4, clause 5): short, extended and chained commands, GET RESPONSE, and the
//! limits that keep a card which answers nonsense from holding us.

use zeroize::Zeroizing;

/// The most bytes that one command may bring back, over all its GET RESPONSEs.
pub const MAX_RESPONSE: usize = 64 * 1024;

/// The most data bytes of a command.
pub const MAX_COMMAND: usize = 16 * 1024;

/// Rounds of GET RESPONSE: [`MAX_RESPONSE`] in the largest short pieces, and a few of a card with small buffers.
const MAX_ROUNDS: usize = 600;

/// Data bytes of one short command (ISO/IEC 7816-4, 5.1).
const SHORT: usize = 255;

/// CLA bit of a command that is not the last of its chain (ISO/IEC 7816-4, 5.1.1.1).
const CHAINED: u8 = 0x10;

const GET_RESPONSE: u8 = 0xc0;

/// A status word (ISO/IEC 7816-4, 5.1.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status(pub u16);

impl Status {
    /// Done.
    pub const SUCCESS: Self = Self(0x9000);
    /// Security status not satisfied: a PIN, or the management key, is needed first.
    pub const SECURITY: Self = Self(0x6982);
    /// Authentication method blocked.
    pub const BLOCKED: Self = Self(0x6983);
    /// File or application not found.
    pub const NOT_FOUND: Self = Self(0x6a82);
    /// Referenced data or reference data not found.
    pub const NO_REFERENCE: Self = Self(0x6a88);

    /// `63Cx`: how many tries are left.
    #[must_use]
    pub const fn tries(self) -> Option<u8> {
        match self.0 {
            0x63c0..=0x63cf => Some((self.0 & 0xf) as u8),
            _ => None,
        }
    }
}

/// What a command brought back.
#[derive(Debug, Clone)]
pub struct Response {
    /// The data of all pieces, in order.
    pub data: Vec<u8>,
    /// The last status word; never `61xx`.
    pub status: Status,
}

/// A command, before it is known in how many APDUs it travels. The data may be secret and is wiped.
pub struct Command {
    /// Class, instruction, two parameters.
    pub header: [u8; 4],
    /// The data field; may be empty.
    pub data: Zeroizing<Vec<u8>>,
    /// Whether an answer with data is expected.
    pub answers: bool,
}

impl Command {
    /// A command whose answer carries data.
    #[must_use]
    pub fn asking(header: [u8; 4], data: &[u8]) -> Self {
        Self {
            header,
            data: Zeroizing::new(data.to_vec()),
            answers: true,
        }
    }

    /// A command that is answered by a status word alone.
    #[must_use]
    pub fn telling(header: [u8; 4], data: Zeroizing<Vec<u8>>) -> Self {
        Self {
            header,
            data,
            answers: false,
        }
    }

    /// As it travels: one APDU, or a chain of them.
    ///
    /// # Errors
    /// [`Malformed::TooLong`] past [`MAX_COMMAND`].
    fn encode(&self, lengths: Lengths) -> Result<Vec<Zeroizing<Vec<u8>>>, Malformed> {
        if self.data.len() > MAX_COMMAND {
            return Err(Malformed::TooLong);
        }
        if lengths == Lengths::Extended && (self.data.len() > SHORT || self.answers) {
            return Ok(vec![self.extended()]);
        }
        let mut parts: Vec<&[u8]> = self.data.chunks(SHORT).collect();
        if parts.is_empty() {
            parts.push(&[]);
        }
        let last = parts.len() - 1;
        let apdus = parts.iter().enumerate().map(|(index, part)| {
            let mut apdu = Zeroizing::new(Vec::with_capacity(6 + SHORT));
            apdu.extend(self.header);
            if index < last {
                apdu[0] |= CHAINED;
            }
            if !part.is_empty() {
                apdu.push(u8::try_from(part.len()).unwrap_or(u8::MAX));
                apdu.extend(*part);
            }
            if index == last && self.answers {
                apdu.push(0);
            }
            apdu
        });
        Ok(apdus.collect())
    }

    /// One APDU with lengths of two bytes.
    fn extended(&self) -> Zeroizing<Vec<u8>> {
        let mut apdu = Zeroizing::new(Vec::with_capacity(9 + self.data.len()));
        apdu.extend(self.header);
        apdu.push(0);
        if !self.data.is_empty() {
            apdu.extend(u16::try_from(self.data.len()).unwrap_or(u16::MAX).to_be_bytes());
            apdu.extend(self.data.iter());
        }
        if self.answers {
            apdu.extend([0, 0]);
        }
        apdu
    }
}

/// Which lengths reader and card both take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lengths {
    /// Up to 255 bytes an APDU; more is chained.
    Short,
    /// Up to 65535.
    Extended,
}

/// What is wrong with an answer, or with what was to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// An answer shorter than a status word: some readers give one for a card that was pulled.
    #[error("an answer without a status word")]
    NoStatus,
    /// A command or an answer past its limit.
    #[error("an answer or command past its limit")]
    TooLong,
    /// `61xx` or `6Cxx` that never ends.
    #[error("a card that never finishes its answer")]
    Endless,
    /// Data objects that end early, overlap or are none (ISO/IEC 8825-1).
    #[error("data objects out of shape")]
    Shape,
}

/// Whatever carries one APDU to a card and brings its answer back.
pub trait Transmit {
    /// Why it could not.
    type Error: From<Malformed>;

    /// One APDU and its answer, status word included.
    ///
    /// # Errors
    /// Of the road.
    fn transmit(&mut self, apdu: &[u8]) -> Result<Zeroizing<Vec<u8>>, Self::Error>;
}

/// So much of an answer has to be as it was, for the rest to be taken for what it was: of a certificate its length, its
/// serial number, its issuer and more.
const ENOUGH: usize = 200;

/// Sends a command, however many APDUs that takes, and collects the whole answer.
///
/// # Errors
/// Of the road, and [`Malformed`]. A status word other than success is no error here.
pub fn exchange<T: Transmit + ?Sized>(
    card: &mut T,
    command: &Command,
    lengths: Lengths,
) -> Result<Response, T::Error> {
    let answer = exchange_unless(card, command, lengths, &[])?;
    // Nothing known is never long enough to be begun with.
    answer.ok_or_else(|| Malformed::Shape.into())
}

/// The same, but of an answer that begins as the `known` one the rest is not collected: none then. The card drops it at
/// the next command.
///
/// # Errors
/// As [`exchange`].
pub fn exchange_unless<T: Transmit + ?Sized>(
    card: &mut T,
    command: &Command,
    lengths: Lengths,
    known: &[u8],
) -> Result<Option<Response>, T::Error> {
    let apdus = command.encode(lengths)?;
    let Some((last, before)) = apdus.split_last() else {
        return Err(Malformed::Shape.into());
    };
    for apdu in before {
        let (data, status) = split(card.transmit(apdu)?)?;
        if status != Status::SUCCESS {
            return Ok(Some(Response { data, status }));
        }
    }
    let (mut data, mut status) = split(card.transmit(last)?)?;
    if let [0x6c, length] = status.0.to_be_bytes() {
        // The same again with the length that the card wants (5.1.3): once, and only a command that has a length.
        if !command.answers || lengths == Lengths::Extended {
            return Err(Malformed::Endless.into());
        }
        let mut again = last.clone();
        if let Some(expected) = again.last_mut() {
            *expected = length;
        }
        (data, status) = split(card.transmit(&again)?)?;
        if status.0.to_be_bytes()[0] == 0x6c {
            return Err(Malformed::Endless.into());
        }
    }
    for _ in 0..MAX_ROUNDS {
        let [0x61, length] = status.0.to_be_bytes() else {
            return Ok(Some(Response { data, status }));
        };
        if data.len() >= ENOUGH && known.len() > data.len() && known.starts_with(&data) {
            return Ok(None);
        }
        let class = command.header[0] & !CHAINED;
        let (piece, next) = split(card.transmit(&[class, GET_RESPONSE, 0, 0, length])?)?;
        if piece.is_empty() && next.0.to_be_bytes()[0] == 0x61 {
            return Err(Malformed::Endless.into());
        }
        if data.len() + piece.len() > MAX_RESPONSE {
            return Err(Malformed::TooLong.into());
        }
        data.extend(piece);
        status = next;
    }
    Err(Malformed::Endless.into())
}

fn split(mut answer: Zeroizing<Vec<u8>>) -> Result<(Vec<u8>, Status), Malformed> {
    if answer.len() > MAX_RESPONSE + 2 {
        return Err(Malformed::TooLong);
    }
    let Some((data, status)) = answer.split_last_chunk::<2>() else {
        return Err(Malformed::NoStatus);
    };
    let (length, status) = (data.len(), Status(u16::from_be_bytes(*status)));
    let mut data = std::mem::take(&mut *answer);
    data.truncate(length);
    Ok((data, status))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers out of a list, the last one for ever, and remembers what it was sent.
    struct Script {
        answers: Vec<Vec<u8>>,
        sent: Vec<Vec<u8>>,
    }

    impl Transmit for Script {
        type Error = Malformed;

        fn transmit(&mut self, apdu: &[u8]) -> Result<Zeroizing<Vec<u8>>, Malformed> {
            let answer = self.answers[self.sent.len().min(self.answers.len() - 1)].clone();
            self.sent.push(apdu.to_vec());
            Ok(Zeroizing::new(answer))
        }
    }

    fn run(
        command: &Command,
        lengths: Lengths,
        answers: &[&[u8]],
    ) -> (Result<Response, Malformed>, Vec<Vec<u8>>) {
        let answers = answers.iter().map(|answer| answer.to_vec()).collect();
        let mut card = Script {
            answers,
            sent: Vec::new(),
        };
        (exchange(&mut card, command, lengths), card.sent)
    }

    fn get_data() -> Command {
        Command::asking([0, 0xcb, 0x3f, 0xff], &[0x5c, 1, 0x7e])
    }

    #[test]
    fn n118_an_answer_that_is_none_is_a_bounded_error() {
        let huge = vec![0; MAX_RESPONSE + 3];
        let piece: Vec<u8> = [vec![7; 256], vec![0x61, 0]].concat();
        let cases: [(&[&[u8]], Malformed, usize); 7] = [
            (&[&[]], Malformed::NoStatus, 1),
            (&[&[0x90]], Malformed::NoStatus, 1),
            (&[&huge], Malformed::TooLong, 1),
            (&[&[0x61, 0x00]], Malformed::Endless, 2),
            (&[&piece], Malformed::TooLong, 257),
            (&[&[1, 0x61, 0x01]], Malformed::Endless, MAX_ROUNDS + 1),
            (&[&[0x6c, 0x05]], Malformed::Endless, 2),
        ];
        for (answers, wanted, apdus) in cases {
            let (result, sent) = run(&get_data(), Lengths::Short, answers);
            assert_eq!(result.unwrap_err(), wanted);
            assert_eq!(sent.len(), apdus, "{wanted:?}");
        }
    }

    #[test]
    fn of_a_known_answer_the_rest_is_left_at_the_card() {
        let known: Vec<u8> = (0..=255).chain([1; 40]).collect();
        let begun = [&known[..256], &[0x61, 40]].concat();
        let rest = [&known[256..], &[0x90, 0]].concat();
        let ask = |known: &[u8], answers: &[&[u8]]| {
            let mut card = Script {
                answers: answers.iter().map(|answer| answer.to_vec()).collect(),
                sent: Vec::new(),
            };
            let answer = exchange_unless(&mut card, &get_data(), Lengths::Short, known).unwrap();
            (answer.map(|answer| answer.data), card.sent.len())
        };
        assert_eq!(ask(&known, &[&begun, &rest]), (None, 1));
        assert_eq!(ask(&[], &[&begun, &rest]), (Some(known.clone()), 2));
        // Another one, which begins otherwise; one that is all there is; one of which too little has come.
        let mut other = known.clone();
        other[199] ^= 1;
        assert_eq!(ask(&other, &[&begun, &rest]), (Some(known.clone()), 2));
        assert_eq!(ask(&known[..256], &[&begun, &rest]), (Some(known.clone()), 2));
        let (short, behind) = (
            [&known[..199], &[0x61, 97]].concat(),
            [&known[199..], &[0x90, 0]].concat(),
        );
        assert_eq!(ask(&known, &[&short, &behind]), (Some(known.clone()), 2));
        // Of T=0 the status comes first, and alone (ISO/IEC 7816-3, 10.3).
        assert_eq!(ask(&known, &[&[0x61, 0], &begun, &rest]), (None, 2));
    }

    #[test]
    fn long_data_is_chained_and_the_answer_collected() {
        let command = Command::asking([0, 0x87, 7, 0x9a], &[0xaa; 300]);
        let (result, sent) = run(
            &command,
            Lengths::Short,
            &[&[0x90, 0], &[1, 2, 0x61, 3], &[3, 4, 5, 0x90, 0]],
        );
        let response = result.unwrap();
        assert_eq!(
            (response.data, response.status),
            (vec![1, 2, 3, 4, 5], Status::SUCCESS)
        );
        assert_eq!(sent[0][..5], [0x10, 0x87, 7, 0x9a, 255]);
        assert_eq!(
            (sent[1][..5].to_vec(), sent[1].len()),
            (vec![0, 0x87, 7, 0x9a, 45], 5 + 45 + 1)
        );
        assert_eq!(sent[2], [0, 0xc0, 0, 0, 3]);
    }

    #[test]
    fn a_refused_link_ends_the_chain() {
        let command = Command::asking([0, 0x87, 7, 0x9a], &[0xaa; 600]);
        let (result, sent) = run(&command, Lengths::Short, &[&[0x68, 0x84]]);
        assert_eq!((result.unwrap().status, sent.len()), (Status(0x6884), 1));
    }

    #[test]
    fn extended_lengths_take_one_apdu() {
        let command = Command::asking([0, 0x87, 7, 0x9a], &[0xaa; 300]);
        let (result, sent) = run(&command, Lengths::Extended, &[&[1, 0x90, 0]]);
        assert_eq!(result.unwrap().data, [1]);
        assert_eq!((sent.len(), sent[0].len()), (1, 4 + 3 + 300 + 2));
        assert_eq!(sent[0][4..7], [0, 1, 44]);
    }

    #[test]
    fn a_short_pin_command_stays_short() {
        let command = Command::telling([0, 0x20, 0, 0x80], Zeroizing::new(vec![0x31; 8]));
        let (_, sent) = run(&command, Lengths::Extended, &[&[0x63, 0xc2]]);
        assert_eq!(
            sent[0],
            [
                0, 0x20, 0, 0x80, 8, 0x31, 0x31, 0x31, 0x31, 0x31, 0x31, 0x31, 0x31
            ]
        );
        let empty = Command::telling([0, 0x20, 0, 0x80], Zeroizing::new(Vec::new()));
        let (result, sent) = run(&empty, Lengths::Short, &[&[0x63, 0xc2]]);
        assert_eq!(sent[0], [0, 0x20, 0, 0x80]);
        assert_eq!(result.unwrap().status.tries(), Some(2));
    }

    #[test]
    fn another_length_is_asked_for_once() {
        let (result, sent) = run(&get_data(), Lengths::Short, &[&[0x6c, 2], &[8, 9, 0x90, 0]]);
        assert_eq!(result.unwrap().data, [8, 9]);
        assert_eq!(sent[1].last(), Some(&2));
    }
}
