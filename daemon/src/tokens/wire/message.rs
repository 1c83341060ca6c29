//! How a [`Request`] or a [`Reply`] lies on the socket: its length in bytes as a 32-bit little-endian number, then the
//! value in the format of the crate `postcard` (numbers as varints, each text and list behind its length).
//!
//! A length is checked before anything is allocated for it. No value holds itself, so that nothing recurses, and every
//! byte of a message has to be part of its value.

use serde::Serialize;
use serde::de::DeserializeOwned;
use trien_protocol::limits::MAX_MESSAGE;

#[cfg(doc)]
use super::{Reply, Request};

/// Bytes of the length before a message.
const HEAD: usize = 4;

/// Room for a message that is no list of certificates: one read brings all of it.
const USUAL: usize = 4096;

/// Why a message cannot be read, or written. The socket cannot be used after it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(in crate::tokens) enum MessageError {
    /// Its length is zero or past [`MAX_MESSAGE`].
    #[error("a message of {0} bytes")]
    Length(usize),
    /// The other end stopped in the middle of it.
    #[error("the message ends early")]
    Truncated,
    /// More came than was asked for.
    #[error("bytes behind the message")]
    Trailing,
    /// What it holds is no value of its kind.
    #[error("the message is malformed: {0}")]
    Malformed(postcard::Error),
}

impl From<MessageError> for std::io::Error {
    fn from(error: MessageError) -> Self {
        Self::new(std::io::ErrorKind::InvalidData, error)
    }
}

/// A value as it goes out, its length before it.
///
/// # Errors
/// [`MessageError::Length`] if it is too long, [`MessageError::Malformed`] if it has a part that is never sent.
pub(in crate::tokens) fn encode(value: &impl Serialize) -> Result<Vec<u8>, MessageError> {
    let mut room = Vec::with_capacity(USUAL);
    room.extend_from_slice(&[0; HEAD]);
    let mut message = postcard::to_extend(value, room).map_err(MessageError::Malformed)?;
    let length = checked(message.len() - HEAD)?;
    message[..HEAD].copy_from_slice(&length.to_le_bytes());
    Ok(message)
}

/// What has come of one message so far.
#[derive(Debug, Default)]
pub(in crate::tokens) struct Incoming(Vec<u8>);

impl Incoming {
    /// Has `read` bring more of it: as much as it likes at first, and then no more than the message is long. Gives how
    /// many bytes came.
    ///
    /// # Errors
    /// Those of `read`.
    pub(in crate::tokens) fn fill<E>(
        &mut self,
        read: impl FnOnce(&mut [u8]) -> Result<usize, E>,
    ) -> Result<usize, E> {
        let filled = self.0.len();
        let room = match self.whole() {
            Ok(Some(whole)) if whole > filled => whole - filled,
            _ => USUAL,
        };
        self.0.resize(filled + room, 0);
        let read = read(&mut self.0[filled..]);
        self.0
            .truncate(filled + read.as_ref().map_or(0, |count| (*count).min(room)));
        read
    }

    /// True if nothing of it has come.
    pub(in crate::tokens) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value, once all of it is there; the next message can come then.
    ///
    /// # Errors
    /// [`MessageError`]
    pub(in crate::tokens) fn take<T: DeserializeOwned>(&mut self) -> Result<Option<T>, MessageError> {
        let Some(whole) = self.whole()? else {
            return Ok(None);
        };
        if self.0.len() < whole {
            return Ok(None);
        }
        let value = decode(&self.0[HEAD..whole])?;
        if self.0.len() > whole {
            return Err(MessageError::Trailing);
        }
        self.0.clear();
        // A list of certificates need not be kept room for.
        self.0.shrink_to(USUAL);
        Ok(Some(value))
    }

    /// How long the whole of it is, as soon as that is known.
    fn whole(&self) -> Result<Option<usize>, MessageError> {
        let Some(head) = self.0.first_chunk::<HEAD>() else {
            return Ok(None);
        };
        let length = usize::try_from(u32::from_le_bytes(*head)).unwrap_or(usize::MAX);
        checked(length)?;
        Ok(Some(HEAD + length))
    }
}

/// The value of a message without its length.
///
/// # Errors
/// [`MessageError::Malformed`], [`MessageError::Trailing`]
pub(in crate::tokens) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, MessageError> {
    match postcard::take_from_bytes(bytes) {
        Ok((value, [])) => Ok(value),
        Ok(_) => Err(MessageError::Trailing),
        Err(error) => Err(MessageError::Malformed(error)),
    }
}

/// What was read from these bytes, without their length, as it would go out; none if they are refused. It need not be
/// what came in: a number can be written in several ways, of which the shortest is ours.
///
/// # Panics
/// If what was read cannot go out.
pub(in crate::tokens) fn written_anew<T: Serialize + DeserializeOwned>(bytes: &[u8]) -> Option<Vec<u8>> {
    let value: T = decode(bytes).ok()?;
    let mut message =
        encode(&value).expect("what comes in is of a kind that goes out, and no longer than it was");
    message.drain(..HEAD);
    Some(message)
}

fn checked(length: usize) -> Result<u32, MessageError> {
    match u32::try_from(length) {
        Ok(number) if (1..=MAX_MESSAGE).contains(&length) => Ok(number),
        _ => Err(MessageError::Length(length)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{
        Answer, Call, CertificateRecord, InitializeOutcome, Insertion, KeyName, KeyRecord, LoginOutcome,
        Octets, Reply, Request, Surveyed, TokenName,
    };
    use super::*;
    use crate::tokens::library::LibraryFault;
    use crate::tokens::{Confinement, Level, PinNeed, PinState, RsaSchemes, TokenEntry, TokenError, TokenId};
    use trien_signatures::algorithm::{Hash, SignatureAlgorithm};

    /// As it would come over a socket that brings so many bytes at a time.
    fn through<T: DeserializeOwned>(bytes: &[u8], portion: usize) -> Result<Option<T>, MessageError> {
        let mut incoming = Incoming::default();
        let mut rest = bytes;
        loop {
            if let Some(value) = incoming.take()? {
                return Ok(Some(value));
            }
            if rest.is_empty() {
                return Ok(None);
            }
            let filled: Result<usize, std::convert::Infallible> = incoming.fill(|room| {
                let count = rest.len().min(portion).min(room.len());
                room[..count].copy_from_slice(&rest[..count]);
                rest = &rest[count..];
                Ok(count)
            });
            assert!(filled.unwrap() > 0, "there is always room for more");
        }
    }

    /// What goes out comes back, however it is cut. The values are compared as they are shown.
    fn returns<T: Serialize + DeserializeOwned + std::fmt::Debug>(value: &T) {
        let bytes = encode(value).unwrap();
        for portion in [1, 3, usize::MAX] {
            let back: T = through(&bytes, portion).unwrap().unwrap();
            assert_eq!(format!("{back:?}"), format!("{value:?}"));
        }
        for length in 0..bytes.len() {
            assert!(
                matches!(through::<T>(&bytes[..length], usize::MAX), Ok(None)),
                "{value:?}"
            );
        }
    }

    fn entry() -> TokenEntry {
        TokenEntry {
            id: TokenId {
                module: "m".into(),
                serial: "01".into(),
                label: "Thẻ của Hương".into(),
                place: Some("2".into()),
            },
            slot: u64::MAX,
            manufacturer: String::new(),
            model: "x".into(),
            hardware: true,
            removable: true,
            initialized: true,
            damaged: false,
            barred: false,
            pin: PinState::LastTry,
            reader: Some("a reader".into()),
            rsa: RsaSchemes::default(),
        }
    }

    #[test]
    fn requests_come_as_they_went() {
        let token = || TokenName {
            serial: "01".into(),
            label: "t".into(),
            place: None,
        };
        let key = || KeyName {
            id: Octets(vec![0, 1, 255]),
            public_key: None,
        };
        let calls = [
            Call::Tokens { inserted: None },
            Call::Survey {
                inserted: Some(Insertion {
                    number: 7,
                    atr: Octets(vec![0x3b, 0]),
                }),
                provisional: true,
            },
            Call::Open {
                token: token(),
                key: Some(key()),
            },
            Call::Sign {
                session: 7,
                algorithm: SignatureAlgorithm::RsaPss(Hash::Sha384),
                digest: Octets(vec![9; 48]),
                message: Some(Octets(vec![1; 100_000])),
                key: None,
                typed: true,
            },
            Call::Close { session: u64::MAX },
            Call::ChangePin { token: token() },
        ];
        for (id, call) in (0..).zip(calls) {
            // Cut everywhere only where it is short.
            let request = Request { id, call };
            match &request.call {
                Call::Sign { .. } => {
                    let bytes = encode(&request).unwrap();
                    let back: Request = through(&bytes, 10_000).unwrap().unwrap();
                    assert_eq!(format!("{back:?}"), format!("{request:?}"));
                }
                _ => returns(&request),
            }
        }
    }

    #[test]
    fn replies_come_as_they_went() {
        let record = CertificateRecord {
            label: "k".into(),
            id: Octets(vec![1]),
            der: Octets(vec![0x30; 700]),
            key: true,
        };
        let need = PinNeed::Pipe {
            min: 4,
            max: 8,
            state: PinState::FewTries,
        };
        let confinement = Confinement {
            files: Level::Closed,
            network: Level::Partly,
        };
        let answers = [
            Answer::Ready(confinement),
            Answer::Done,
            Answer::Tokens(vec![entry(), entry()]),
            Answer::Survey(vec![Surveyed {
                provisional: true,
                entry: entry(),
                pin: Some(need),
                certificates: Some(vec![record.clone()]),
                more: true,
            }]),
            Answer::Certificates(vec![record]),
            Answer::Pin(need),
            Answer::Session {
                session: 1,
                pin: PinNeed::Reader {
                    state: PinState::LastTry,
                },
            },
            Answer::Login(LoginOutcome::Incorrect {
                now: PinState::Locked,
            }),
            Answer::Signature(Octets(vec![0; 256])),
            Answer::Keys(vec![KeyRecord {
                label: String::new(),
                id: Octets(Vec::new()),
                public_key: Some(Octets(vec![4])),
            }]),
            Answer::Initialized(InitializeOutcome::Made(entry())),
            Answer::AtReader,
            Answer::OfficerPin(PinState::Tries(2)),
        ];
        for answer in answers {
            returns(&Reply {
                id: 3,
                took_us: 800,
                outcome: Ok(answer),
            });
        }
    }

    #[test]
    fn failures_come_as_they_went_but_the_one_that_no_worker_has() {
        let failures = [
            TokenError::Removed,
            TokenError::Busy,
            TokenError::Held {
                programs: vec!["gpg (1)".into()],
            },
            TokenError::Hung { seconds: 5 },
            TokenError::Crashed,
            TokenError::Load("x".into()),
            TokenError::NoSuchKey,
            TokenError::Unsupported("x".into()),
            TokenError::ManagementKey,
            TokenError::LoginNeeded,
            TokenError::Disabled,
            TokenError::Answered { number: 0x8000_0001 },
            TokenError::Service { number: 0x8010_0069 },
            TokenError::Failed("x".into()),
            TokenError::NoSuchSlot,
            TokenError::SlotTaken,
        ];
        for failure in failures {
            returns(&Reply {
                id: 0,
                took_us: 800,
                outcome: Err(failure),
            });
        }
        let never = Reply {
            id: 0,
            took_us: 800,
            outcome: Err(TokenError::Library(LibraryFault::Relative)),
        };
        assert!(matches!(encode(&never), Err(MessageError::Malformed(_))));
    }

    /// Damaged in one or several places, a message is another one or none; reading it ends in any case.
    #[test]
    fn a_damaged_message_is_read_or_refused() {
        let whole = encode(&Reply {
            id: 1,
            took_us: 800,
            outcome: Ok(Answer::Survey(vec![Surveyed {
                provisional: true,
                entry: entry(),
                pin: Some(PinNeed::Reader {
                    state: PinState::Tries(2),
                }),
                certificates: Some(vec![CertificateRecord {
                    label: "k".into(),
                    id: Octets(vec![1]),
                    der: Octets(vec![0x30; 40]),
                    key: true,
                }]),
                more: false,
            }])),
        })
        .unwrap();
        // xorshift64: the same damages in each run.
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut next = |below: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            usize::try_from(state % below as u64).unwrap()
        };
        let (mut read, mut refused) = (0, 0);
        for _ in 0..20_000 {
            let mut damaged = whole[HEAD..].to_vec();
            for _ in 0..=next(4) {
                let place = next(damaged.len());
                damaged[place] = u8::try_from(next(256)).unwrap();
            }
            damaged.truncate(damaged.len() - next(3));
            match decode::<Reply>(&damaged) {
                Ok(reply) => {
                    read += 1;
                    encode(&reply).unwrap();
                }
                Err(_) => refused += 1,
            }
        }
        assert!(read > 1000 && refused > 1000, "{read} and {refused}");
    }

    /// Whatever is read from any bytes, once written, is read and written as the same, over a socket too; true if
    /// anything was read.
    fn settles<T: Serialize + DeserializeOwned + std::fmt::Debug>(bytes: &[u8]) -> bool {
        let Some(once) = written_anew::<T>(bytes) else {
            return false;
        };
        assert!(once.len() <= bytes.len(), "the shortest way");
        assert_eq!(written_anew::<T>(&once).as_ref(), Some(&once));
        let value: T = decode(bytes).unwrap();
        let back: T = through(&encode(&value).unwrap(), 7).unwrap().unwrap();
        assert_eq!(format!("{back:?}"), format!("{value:?}"));
        true
    }

    /// The first byte behind the number chooses the kind of a message: each has its share of random ones.
    #[test]
    fn random_bytes_are_refused_or_come_back_as_they_were_read() {
        // xorshift64*: the same bytes in each run.
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        let mut next = |below: usize| {
            state ^= state >> 12;
            state ^= state << 25;
            state ^= state >> 27;
            usize::try_from(state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33).unwrap() % below
        };
        let mut kinds = std::collections::BTreeMap::<String, u32>::new();
        for round in 0..200_000 {
            let mut bytes: Vec<u8> = (0..next(48)).map(|_| u8::try_from(next(256)).unwrap()).collect();
            // Small numbers are lengths that there is room for, and variants that there are.
            bytes
                .iter_mut()
                .skip(1)
                .for_each(|byte| *byte %= [255, 24, 4, 2][round % 4]);
            if settles::<Request>(&bytes) {
                let read = format!("{:?}", decode::<Request>(&bytes).unwrap().call);
                let kind = read.split(|c: char| !c.is_alphanumeric()).next().unwrap();
                *kinds.entry(kind.to_owned()).or_default() += 1;
            }
            if settles::<Reply>(&bytes) {
                *kinds.entry("a reply".to_owned()).or_default() += 1;
            }
        }
        assert!(kinds.len() > 12, "{kinds:?}");
        assert!(kinds["a reply"] > 1000, "{kinds:?}");
    }

    #[test]
    fn a_message_past_the_limit_does_not_go_out() {
        let octets = |count| encode(&Octets(vec![0; count]));
        // The number of octets before them is a varint of three bytes.
        assert_eq!(octets(MAX_MESSAGE - 3).unwrap().len(), HEAD + MAX_MESSAGE);
        assert_eq!(
            octets(MAX_MESSAGE - 2),
            Err(MessageError::Length(MAX_MESSAGE + 1))
        );
    }

    #[test]
    fn what_is_no_reply_gets_its_error() {
        let vectors = include_str!("vectors/hostile.txt").lines();
        let mut seen = 0;
        for line in vectors.filter(|line| !line.starts_with('#')) {
            let [what, error, octets] = line.split(" | ").collect::<Vec<_>>().try_into().unwrap();
            let bytes = hex::decode(octets.replace(' ', "")).unwrap();
            for portion in [1, usize::MAX] {
                let outcome = through::<Reply>(&bytes, portion);
                let right = match (&outcome, error) {
                    (Err(MessageError::Length(_)), "Length")
                    | (Err(MessageError::Malformed(_)), "Malformed")
                    | (Err(MessageError::Trailing), "Trailing")
                    | (Ok(None), "hungry") => true,
                    // Who reads byte by byte stops at the end of the message.
                    (Ok(Some(_)), "Trailing") => portion == 1 && what.starts_with("another"),
                    _ => false,
                };
                assert!(right, "{what}: {outcome:?}");
            }
            seen += 1;
        }
        assert_eq!(seen, 17);
    }

    #[test]
    fn files_keep_octets_as_base64() {
        let octets = Octets(vec![0, 255, 16]);
        let text = serde_json::to_string(&octets).unwrap();
        assert_eq!(text, "\"AP8Q\"");
        assert_eq!(serde_json::from_str::<Octets>(&text).unwrap(), octets);
        assert!(serde_json::from_str::<Octets>("\"?\"").is_err());
    }
}
