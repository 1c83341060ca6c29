//! An object's attributes as bytes: inside the seal on disk, and in memory until somebody asks for the object.
//!
//! Version u8 = 2, number of attributes, then for each in ascending order of its type: type, form u8 (0 false, 1 true,
//! 2 number, 3 bytes, 4 numbers, 5 template), and for a number the number, for bytes their length and themselves, for
//! numbers their count and themselves, for a template the number of its attributes and these, in the order in which
//! they were given, none of them a template. Numbers have 64 bits on every machine, so a token can move between
//! machines, and are written as in LEB128: seven bits a byte, the lowest first, the highest bit set in all but the
//! last, no byte more than needed.

use cryptoki_sys::{CK_ATTRIBUTE_TYPE, CKA_ID};
use zeroize::Zeroizing;

use super::{Result, StoreError};
use crate::attribute::Value;
use crate::object::{Attributes, MAX_VALUE};

const VERSION: u8 = 2;
const MAX_ATTRIBUTES: usize = 256;
/// The longest number: ten times seven bits.
const MAX_NUMBER: usize = 10;

/// The attributes of an object, whole and in the order that the format wants.
pub(crate) struct Packed {
    record: Zeroizing<Box<[u8]>>,
    /// Where the attributes from [`CKA_ID`] on begin. Among thousands of objects every line of memory that a search
    /// reads is one that the processor waits for, and what lies before is a secret key's value or a certificate.
    from_id: u32,
}

/// A value where it lies.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum ValueRef<'a> {
    Bool(bool),
    Ulong(u64),
    Bytes(&'a [u8]),
    /// As the record has it, from the count on.
    Ulongs(&'a [u8]),
    /// The same.
    Template(&'a [u8]),
}

impl<'a> ValueRef<'a> {
    /// The same of a value that is not packed; `None` for those that only a record writes.
    pub(crate) fn of(value: &'a Value) -> Option<Self> {
        match value {
            Value::Bool(value) => Some(Self::Bool(*value)),
            Value::Ulong(value) => Some(Self::Ulong(*value)),
            Value::Bytes(value) => Some(Self::Bytes(value)),
            Value::Ulongs(_) | Value::Template(_) => None,
        }
    }

    fn to_value(self) -> Value {
        match self {
            Self::Bool(value) => Value::Bool(value),
            Self::Ulong(value) => Value::Ulong(value),
            Self::Bytes(value) => Value::bytes(value),
            Self::Ulongs(mut rest) => {
                let count = take(&mut rest).unwrap_or_default();
                Value::Ulongs((0..count).map_while(|_| take(&mut rest)).collect())
            }
            Self::Template(rest) => {
                let attributes = Values::counted(rest, true);
                Value::Template(attributes.map(|(kind, value)| (kind, value.to_value())).collect())
            }
        }
    }
}

impl Packed {
    /// Packs the attributes of an object.
    pub(crate) fn new(attributes: &Attributes) -> Result<Self> {
        let is_long = |value: &Value| matches!(value, Value::Template(inner) if inner.len() > MAX_ATTRIBUTES);
        if attributes.len() > MAX_ATTRIBUTES || attributes.values().any(is_long) {
            return Err(StoreError::Full);
        }
        // Sized in advance, so that no copy of a secret is left behind when the buffer grows.
        let size = attributes.values().map(max_len);
        let mut out = Zeroizing::new(Vec::with_capacity(size.sum::<usize>() + 1 + MAX_NUMBER));
        out.push(VERSION);
        put(&mut out, attributes.len() as u64);
        for (kind, value) in attributes {
            put_attribute(&mut out, *kind, value);
        }
        Ok(Self::whole(&out))
    }

    /// For a record that has no fault.
    fn whole(record: &[u8]) -> Self {
        let mut values = Values::new(record);
        let mut rest = values.rest;
        while values.next().is_some_and(|(kind, _)| kind < CKA_ID) {
            rest = values.rest;
        }
        Self {
            // A record is far below 4 GiB; a mark that were not would only be of no use.
            from_id: u32::try_from(record.len() - rest.len()).unwrap_or(u32::MAX),
            record: Zeroizing::new(record.into()),
        }
    }

    /// Takes what [`Self::bytes`] gave. The seal has been checked before, so a fault here is one of another version's.
    pub(crate) fn read(record: &[u8]) -> Result<Self> {
        let mut values = Values::new(record);
        let mut before = None;
        for (kind, _) in values.by_ref() {
            if before.is_some_and(|before| before >= kind) {
                return Err(StoreError::Corrupt("an object's attributes are out of order"));
            }
            before = Some(kind);
        }
        if values.is_whole() {
            Ok(Self::whole(record))
        } else {
            Err(StoreError::Corrupt("an object's attributes"))
        }
    }

    /// The bytes that are sealed.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.record
    }

    /// The attributes, each where it lies.
    pub(crate) fn values(&self) -> Values<'_> {
        Values::new(&self.record)
    }

    /// One attribute where it lies.
    pub(crate) fn value(&self, kind: CK_ATTRIBUTE_TYPE) -> Option<ValueRef<'_>> {
        let values = if kind < CKA_ID {
            self.values()
        } else {
            Values::from_within(self.record.get(self.from_id as usize..)?)
        };
        let mut ascending = values.skip_while(|(other, _)| *other < kind);
        ascending
            .next()
            .filter(|(other, _)| *other == kind)
            .map(|(_, value)| value)
    }

    /// The attributes by themselves.
    pub(crate) fn unpack(&self) -> Attributes {
        self.values()
            .map(|(kind, value)| (kind, value.to_value()))
            .collect()
    }
}

/// What an attribute takes at the most.
fn max_len(value: &Value) -> usize {
    let own = match value {
        Value::Bool(_) | Value::Ulong(_) => 0,
        Value::Bytes(value) => value.len(),
        Value::Ulongs(values) => MAX_NUMBER * values.len(),
        Value::Template(attributes) => attributes.iter().map(|(_, value)| max_len(value)).sum(),
    };
    2 * MAX_NUMBER + 1 + own
}

fn put_attribute(out: &mut Vec<u8>, kind: CK_ATTRIBUTE_TYPE, value: &Value) {
    put(out, u64::from(kind));
    match value {
        Value::Bool(value) => out.push(u8::from(*value)),
        Value::Ulong(value) => {
            out.push(2);
            put(out, *value);
        }
        Value::Bytes(value) => {
            out.push(3);
            put(out, value.len() as u64);
            out.extend_from_slice(value);
        }
        Value::Ulongs(values) => {
            out.push(4);
            put(out, values.len() as u64);
            values.iter().for_each(|value| put(out, *value));
        }
        Value::Template(attributes) => {
            out.push(5);
            put(out, attributes.len() as u64);
            let each = attributes.iter();
            each.for_each(|(kind, value)| put_attribute(out, *kind, value));
        }
    }
}

fn put(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Goes over the attributes of a record; ends early at the first fault.
pub(crate) struct Values<'a> {
    rest: &'a [u8],
    left: Option<u64>,
    in_template: bool,
}

impl<'a> Values<'a> {
    fn new(record: &'a [u8]) -> Self {
        Self::counted(record.strip_prefix(&[VERSION]).unwrap_or_default(), false)
    }

    fn counted(mut rest: &'a [u8], in_template: bool) -> Self {
        let left = take(&mut rest).filter(|&count| count <= MAX_ATTRIBUTES as u64);
        Self {
            rest,
            left,
            in_template,
        }
    }

    /// All from the beginning of one to the end of the record.
    fn from_within(rest: &'a [u8]) -> Self {
        Self {
            rest,
            left: Some(MAX_ATTRIBUTES as u64),
            in_template: false,
        }
    }

    /// Whether all were there, and nothing behind them.
    fn is_whole(&self) -> bool {
        self.left == Some(0) && self.rest.is_empty()
    }

    fn take_one(&mut self) -> Option<(CK_ATTRIBUTE_TYPE, ValueRef<'a>)> {
        let kind = CK_ATTRIBUTE_TYPE::try_from(take(&mut self.rest)?).ok()?;
        let (form, rest) = self.rest.split_first()?;
        self.rest = rest;
        let value = match form {
            0 => ValueRef::Bool(false),
            1 => ValueRef::Bool(true),
            2 => ValueRef::Ulong(take(&mut self.rest)?),
            3 => {
                let length = usize::try_from(take(&mut self.rest)?).ok();
                let length = length.filter(|&length| length <= MAX_VALUE)?;
                let (value, rest) = self.rest.split_at_checked(length)?;
                self.rest = rest;
                ValueRef::Bytes(value)
            }
            4 => ValueRef::Ulongs(self.take_list(MAX_VALUE, |rest| take(rest).map(drop))?),
            5 if !self.in_template => ValueRef::Template(self.take_list(MAX_ATTRIBUTES, |rest| {
                let mut one = Self {
                    rest,
                    left: Some(1),
                    in_template: true,
                };
                one.next()?;
                *rest = one.rest;
                Some(())
            })?),
            _ => return None,
        };
        Some((kind, value))
    }

    /// A count and as many elements, each taken by `one`.
    fn take_list(&mut self, max: usize, one: impl Fn(&mut &'a [u8]) -> Option<()>) -> Option<&'a [u8]> {
        let list = self.rest;
        let count = take(&mut self.rest).filter(|&count| count <= max as u64)?;
        (0..count).try_for_each(|_| one(&mut self.rest))?;
        list.get(..list.len() - self.rest.len())
    }
}

impl<'a> Iterator for Values<'a> {
    type Item = (CK_ATTRIBUTE_TYPE, ValueRef<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let left = self.left.filter(|&left| left > 0)?;
        let one = self.take_one();
        self.left = one.as_ref().map(|_| left - 1);
        one
    }
}

fn take(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0u64;
    for i in 0..MAX_NUMBER {
        let (&byte, after) = rest.split_first()?;
        *rest = after;
        let bits = u64::from(byte & 0x7f);
        if i == MAX_NUMBER - 1 && bits > 1 {
            return None; // more than 64 bits
        }
        number |= bits << (7 * i);
        if byte & 0x80 == 0 {
            return (byte != 0 || i == 0).then_some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attributes() -> Attributes {
        [
            (0, Value::Ulong(u64::MAX)),
            (1, Value::Bool(true)),
            (3, Value::bytes(*b"nh\xc3\xa3n")),
            (4, Value::Ulongs(vec![1, u64::MAX])),
            (
                5,
                Value::Template(vec![(2, Value::Bool(false)), (1, Value::Ulongs(vec![]))]),
            ),
            (0x8000_0001, Value::bytes([7; 300])),
        ]
        .into_iter()
        .collect()
    }

    #[test]
    fn a_record_reads_back_and_no_cut_or_grown_one_does() {
        let packed = Packed::new(&attributes()).unwrap();
        let record = packed.bytes();
        assert!(Packed::read(record).unwrap().unpack() == attributes());
        for length in 0..record.len() {
            assert!(Packed::read(&record[..length]).is_err(), "cut to {length}");
        }
        assert!(Packed::read(&[record, &[0]].concat()).is_err());
    }

    #[test]
    fn every_attribute_is_found_by_itself() {
        let marks = [(CKA_ID - 1, Value::Bool(true)), (CKA_ID, Value::bytes([9]))];
        for attributes in [
            attributes(),
            attributes().into_iter().chain(marks.clone()).collect(),
            marks.into_iter().collect(),
            Attributes::new(),
        ] {
            let packed = Packed::new(&attributes).unwrap();
            for kind in (0..=CKA_ID + 1).chain([0x8000_0000, 0x8000_0001, 0x8000_0002]) {
                let value = packed.value(kind).map(ValueRef::to_value);
                assert!(value.as_ref() == attributes.get(&kind), "{kind:#x}");
            }
        }
    }

    #[test]
    fn there_is_one_way_of_writing_each_record() {
        let packed = Packed::new(&attributes()).unwrap();
        for bit in 0..packed.bytes().len() * 8 {
            let mut other = packed.bytes().to_vec();
            other[bit / 8] ^= 1 << (bit % 8);
            if let Ok(read) = Packed::read(&other) {
                assert_eq!(Packed::new(&read.unpack()).unwrap().bytes(), other);
            }
        }
        // A number with a byte too many, one with more than 64 bits, one type twice.
        assert!(Packed::read(&[VERSION, 1, 0x81, 0x00, 1]).is_err());
        let wide = [VERSION, 1, 1, 2, 255, 255, 255, 255, 255, 255, 255, 255, 255, 2];
        assert!(Packed::read(&wide).is_err());
        assert!(Packed::read(&[VERSION, 2, 1, 1, 1, 0]).is_err());
    }
}
