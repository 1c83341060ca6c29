//! Key derivation with pseudo-random functions (NIST SP 800-108; PKCS #11, section 6.42):
//! `CKM_SP800_108_COUNTER_KDF`, `CKM_SP800_108_FEEDBACK_KDF` and `CKM_SP800_108_DOUBLE_PIPELINE_KDF`.
//!
//! Each step feeds the function with the fields of the parameter one after the other and gives one segment; a key
//! starts with a segment of its own (6.42.6).

use cryptoki_sys::*;
use zeroize::Zeroizing;

use super::derivation::{self, Derived, Inheritance, Wanted, hash_of_hmac, secret_value};
use super::{Call, Field, Hash, Kbkdf, Mechanism, Number, Parameter, Table};
use crate::error::{Error, Result};
use crate::ffi::crypto::{AesKey, BLOCK, CmacContext, HmacContext};
use crate::object::Object;

/// How the steps hang together (SP 800-108, 4.1 to 4.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Counter,
    Feedback,
    DoublePipeline,
}

impl Mechanism for Mode {
    fn info(&self) -> CK_MECHANISM_INFO {
        derivation::info(8, 4096)
    }

    fn inheritance(&self) -> Inheritance {
        Inheritance::Defaults
    }

    fn derive(&self, call: &Call<'_>, base: &Object, wanted: &Wanted<'_>) -> Result<Derived> {
        let Parameter::Kbkdf(given) = &call.parameter else {
            return Err(Error::MechanismParamInvalid);
        };
        let function = Prf::new(given.prf, base)?;
        self.check(&given.fields)?;
        let lens = [&[wanted.needed_len()?], &wanted.additional[..]].concat();
        let segments: usize = lens.iter().map(|len| len.div_ceil(function.len())).sum();
        let length = Lengths {
            of_keys: lens.iter().sum(),
            of_segments: segments * function.len(),
        };
        let pieces = pieces(&given.fields, &length, wanted)?;
        let material = self.run(&function, given, &pieces, segments)?;
        let mut keys = cut(&material, &lens, function.len());
        let value = keys.next().ok_or(Error::General)?;
        Ok(Derived {
            value,
            additional: keys.collect(),
        })
    }
}

impl Mode {
    /// The fields that each mode wants and does not have (6.42.3 to 6.42.5).
    fn check(self, fields: &[Field<'_>]) -> Result<()> {
        let count = |wanted: fn(&Field<'_>) -> bool| fields.iter().filter(|field| wanted(field)).count();
        let counters = count(|field| matches!(field, Field::Counter(_)));
        let numbered = count(|field| matches!(field, Field::Iteration(Some(_))));
        let plain = count(|field| matches!(field, Field::Iteration(None)));
        let right = match self {
            Self::Counter => (numbered, plain, counters) == (1, 0, 0),
            Self::Feedback | Self::DoublePipeline => numbered == 0 && plain == 1 && counters <= 1,
        };
        let lengths = count(|field| matches!(field, Field::Length { .. }));
        let empty = count(|field| matches!(field, Field::Bytes([])));
        if right && lengths <= 1 && empty == 0 {
            Ok(())
        } else {
            Err(Error::MechanismParamInvalid)
        }
    }

    /// All segments, one after the other.
    fn run(
        self,
        function: &Prf<'_>,
        given: &Kbkdf<'_>,
        pieces: &[Piece],
        segments: usize,
    ) -> Result<Zeroizing<Vec<u8>>> {
        let mut material = Zeroizing::new(Vec::with_capacity(segments * function.len()));
        let mut previous = Zeroizing::new(match self {
            Self::Counter => Vec::new(),
            Self::Feedback => given.iv.to_vec(),
            Self::DoublePipeline => fixed(pieces),
        });
        for step in 1..=segments as u64 {
            if self == Self::DoublePipeline {
                previous = function.of(&previous)?;
            }
            let mut input = Zeroizing::new(Vec::new());
            for piece in pieces {
                match piece {
                    Piece::Fixed(bytes) => input.extend_from_slice(bytes),
                    Piece::Step(number) => input.extend(write(*number, step)?),
                    Piece::Previous => input.extend_from_slice(&previous),
                }
            }
            let segment = function.of(&input)?;
            material.extend_from_slice(&segment);
            if self == Self::Feedback {
                previous = segment;
            }
        }
        Ok(material)
    }
}

/// A pseudo-random function with its key.
enum Prf<'a> {
    Hmac(Hash, &'a [u8]),
    Cmac(AesKey<'a>),
}

impl<'a> Prf<'a> {
    fn new(kind: CK_MECHANISM_TYPE, base: &'a Object) -> Result<Self> {
        let key = secret_value(base)?;
        match (kind, base.ulong(CKA_KEY_TYPE)) {
            (CKM_AES_CMAC, Some(CKK_AES)) => AesKey::new(key).map(Self::Cmac),
            (CKM_AES_CMAC, _) => Err(Error::KeyTypeInconsistent),
            (kind, _) => Ok(Self::Hmac(hash_of_hmac(kind)?, key)),
        }
    }

    const fn len(&self) -> usize {
        match self {
            Self::Hmac(hash, _) => hash.len(),
            Self::Cmac(_) => BLOCK,
        }
    }

    fn of(&self, input: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        let code = match self {
            Self::Hmac(hash, key) => {
                let mut context = HmacContext::new(*hash, key)?;
                context.update(input)?;
                context.finish()
            }
            Self::Cmac(key) => {
                let mut context = CmacContext::new(*key)?;
                context.update(input)?;
                context.finish()
            }
        };
        code.map(Zeroizing::new)
    }
}

/// What is derived, in bytes.
struct Lengths {
    of_keys: usize,
    of_segments: usize,
}

/// A field with its bytes, as far as they are the same in each step.
enum Piece {
    Fixed(Zeroizing<Vec<u8>>),
    Step(Number),
    Previous,
}

fn pieces(fields: &[Field<'_>], length: &Lengths, wanted: &Wanted<'_>) -> Result<Vec<Piece>> {
    let piece = |field: &Field<'_>| {
        Ok(match field {
            Field::Iteration(Some(number)) | Field::Counter(number) => Piece::Step(*number),
            Field::Iteration(None) => Piece::Previous,
            Field::Bytes(bytes) => Piece::Fixed(Zeroizing::new(bytes.to_vec())),
            Field::Key(handle) => {
                let key = (wanted.key)(*handle)?;
                Piece::Fixed(Zeroizing::new(secret_value(&key)?.to_vec()))
            }
            Field::Length { of_segments, number } => {
                let bytes = if *of_segments {
                    length.of_segments
                } else {
                    length.of_keys
                };
                let written = write(*number, 8 * bytes as u64)?;
                Piece::Fixed(Zeroizing::new(written.collect()))
            }
        })
    };
    fields.iter().map(piece).collect()
}

/// The first value of the double pipeline: everything but the step's own fields.
fn fixed(pieces: &[Piece]) -> Vec<u8> {
    let mut all = Vec::new();
    for piece in pieces {
        if let Piece::Fixed(bytes) = piece {
            all.extend_from_slice(bytes);
        }
    }
    all
}

/// A number in 8 to 64 bits; one that does not fit was asked to be written too short.
fn write(number: Number, value: u64) -> Result<impl Iterator<Item = u8>> {
    let len = match number.bits {
        bits @ (8 | 16 | 24 | 32 | 40 | 48 | 56 | 64) => bits as usize / 8,
        _ => return Err(Error::MechanismParamInvalid),
    };
    if len < 8 && value >> (8 * len) != 0 {
        return Err(Error::MechanismParamInvalid);
    }
    let mut bytes = value.to_le_bytes();
    bytes[..len].reverse();
    if number.little_endian {
        bytes[..len].reverse();
    }
    Ok(bytes.into_iter().take(len))
}

/// The keys, each from the start of a segment.
fn cut(material: &[u8], lens: &[usize], segment: usize) -> impl Iterator<Item = Zeroizing<Vec<u8>>> {
    let mut rest = material;
    lens.iter().map(move |len| {
        let (own, after) = rest.split_at(len.next_multiple_of(segment));
        rest = after;
        Zeroizing::new(own[..*len].to_vec())
    })
}

pub(super) static MECHANISMS: Table = &[
    (CKM_SP800_108_COUNTER_KDF, &Mode::Counter),
    (CKM_SP800_108_FEEDBACK_KDF, &Mode::Feedback),
    (CKM_SP800_108_DOUBLE_PIPELINE_KDF, &Mode::DoublePipeline),
];
