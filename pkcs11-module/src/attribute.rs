//! Attributes: their values, and templates as the host gives and asks them.

use cryptoki_sys::*;
use zeroize::Zeroizing;

use crate::error::{Error, Result};
use crate::output::Room;

/// An attribute of a template that gives values.
#[derive(Clone)]
pub(crate) struct RawAttribute<'a> {
    pub(crate) kind: CK_ATTRIBUTE_TYPE,
    pub(crate) value: &'a [u8],
    /// What the value is where it is a template of its own.
    pub(crate) template: Option<Vec<Self>>,
}

/// An attribute of a template that asks for values.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Query {
    pub(crate) kind: CK_ATTRIBUTE_TYPE,
    pub(crate) room: Room,
}

/// What `C_GetAttributeValue` puts into one attribute of the host's template.
pub(crate) enum Answer {
    /// The length, asked for without a buffer.
    Length(usize),
    /// The value, known to fit.
    Value(Zeroizing<Vec<u8>>),
    /// The attributes of a template, for whose number there is room in the host's array; each has its own buffer
    /// there.
    Template(Vec<(CK_ATTRIBUTE_TYPE, Zeroizing<Vec<u8>>)>),
    /// No value, and why: the length becomes `CK_UNAVAILABLE_INFORMATION`.
    Refused(Error),
}

impl Answer {
    pub(crate) fn length(&self) -> CK_ULONG {
        match self {
            Self::Length(length) => *length as CK_ULONG,
            Self::Value(value) => value.len() as CK_ULONG,
            Self::Template(attributes) => array_len(attributes.len()) as CK_ULONG,
            Self::Refused(_) => CK_UNAVAILABLE_INFORMATION,
        }
    }

    pub(crate) fn outcome(&self) -> Result<()> {
        if let Self::Refused(error) = self {
            Err(*error)
        } else {
            Ok(())
        }
    }
}

/// The length of the host's array of so many attributes, in bytes.
pub(crate) fn array_len(attributes: usize) -> usize {
    attributes.saturating_mul(size_of::<CK_ATTRIBUTE>())
}

/// How an attribute's value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// `CK_BBOOL`.
    Bool,
    /// `CK_ULONG` and the types made of it.
    Ulong,
    /// Bytes, as they are.
    Bytes,
    /// An unsigned integer, big-endian, kept without leading zeros.
    Integer,
    /// `CK_DATE`, eight digits, or empty.
    Date,
    /// An array of `CK_ULONG` (`CKA_ALLOWED_MECHANISMS`).
    Ulongs,
    /// An array of attributes (`CKA_WRAP_TEMPLATE` and its like).
    Template,
}

/// An attribute's value, independent of the width of the host's `CK_ULONG`.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Bool(bool),
    Ulong(u64),
    Bytes(Zeroizing<Vec<u8>>),
    /// Numbers in the order in which they were given.
    Ulongs(Vec<u64>),
    /// What another object's attributes have to be, or get; no template in it.
    Template(Vec<(CK_ATTRIBUTE_TYPE, Self)>),
}

impl Value {
    pub(crate) fn bytes(value: impl Into<Vec<u8>>) -> Self {
        Self::Bytes(Zeroizing::new(value.into()))
    }

    /// Reads a value as the host writes it. A wrong length or an impossible value is `CKR_ATTRIBUTE_VALUE_INVALID`.
    pub(crate) fn parse(form: Form, raw: &[u8]) -> Result<Self> {
        match (form, raw) {
            (Form::Bool, [0]) => Ok(Self::Bool(false)),
            // Any other value than CK_TRUE is out of the standard, but hosts in C write what they find true.
            (Form::Bool, [_]) => Ok(Self::Bool(true)),
            (Form::Ulong, raw) => {
                let raw = raw.try_into().map_err(|_| Error::AttributeValueInvalid)?;
                Ok(Self::Ulong(CK_ULONG::from_ne_bytes(raw)))
            }
            (Form::Bytes, raw) => Ok(Self::bytes(raw)),
            (Form::Integer, raw) => {
                let zeros = raw.iter().take_while(|&&byte| byte == 0).count();
                Ok(Self::bytes(&raw[zeros..]))
            }
            (Form::Date, raw) if raw.is_empty() || is_date(raw) => Ok(Self::bytes(raw)),
            (Form::Ulongs, raw) => {
                let (numbers, rest) = raw.as_chunks::<{ size_of::<CK_ULONG>() }>();
                if !rest.is_empty() {
                    return Err(Error::AttributeValueInvalid);
                }
                let numbers = numbers.iter().map(|raw| CK_ULONG::from_ne_bytes(*raw).into());
                Ok(Self::Ulongs(numbers.collect()))
            }
            _ => Err(Error::AttributeValueInvalid),
        }
    }

    /// The value as the host reads it.
    pub(crate) fn to_host(&self) -> Zeroizing<Vec<u8>> {
        match self {
            Self::Bool(value) => Zeroizing::new(vec![u8::from(*value)]),
            Self::Ulong(value) => Zeroizing::new(host_ulong(*value).to_vec()),
            Self::Bytes(value) => value.clone(),
            Self::Ulongs(values) => Zeroizing::new(values.iter().copied().flat_map(host_ulong).collect()),
            // Its attributes are read and answered one by one, see `RawAttribute` and `Answer`.
            Self::Template(_) => Zeroizing::default(),
        }
    }
}

/// A number as the host reads it. One that does not fit into a narrower `CK_ULONG` came from one that was wider.
fn host_ulong(value: u64) -> [u8; size_of::<CK_ULONG>()] {
    CK_ULONG::try_from(value)
        .unwrap_or(CK_UNAVAILABLE_INFORMATION)
        .to_ne_bytes()
}

/// Eight digits: a year, a month from 01 to 12, a day from 01 to 31.
fn is_date(raw: &[u8]) -> bool {
    let Ok([_, _, _, _, month @ .., tens, ones]) = <&[u8; 8]>::try_from(raw) else {
        return false;
    };
    let number = |digits: [u8; 2]| (digits[0] - b'0') * 10 + (digits[1] - b'0');
    raw.iter().all(u8::is_ascii_digit)
        && (1..=12).contains(&number(*month))
        && (1..=31).contains(&number([*tens, *ones]))
}
