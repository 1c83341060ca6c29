//! An object's attributes as bytes, inside the seal.
//!
//! Version u8 = 1, number of attributes u16, then for each in ascending order of its type: type u64, form u8
//! (0 false, 1 true, 2 number, 3 bytes, 4 numbers, 5 template), and for a number its u64, for bytes their length
//! u32 and themselves, for numbers their count u16 and themselves, for a template the number of its attributes u16
//! and these, in the order in which they were given, none of them a template.
//! Numbers are little-endian and 64 bits wide on every machine, so a token can move between machines.

use cryptoki_sys::CK_ATTRIBUTE_TYPE;
use zeroize::Zeroizing;

use super::{Result, StoreError};
use crate::attribute::Value;
use crate::object::{Attributes, MAX_VALUE};

const VERSION: u8 = 1;
const MAX_ATTRIBUTES: usize = 256;

/// Writes the attributes of an object.
pub(crate) fn encode(attributes: &Attributes) -> Result<Zeroizing<Vec<u8>>> {
    let count = u16::try_from(attributes.len())
        .ok()
        .filter(|&count| usize::from(count) <= MAX_ATTRIBUTES);
    // Sized in advance, so that no copy of a secret is left behind when the buffer grows.
    let size = attributes
        .values()
        .map(|value| 21 + byte_len(value))
        .sum::<usize>()
        + 3;
    let mut out = Zeroizing::new(Vec::with_capacity(size));
    out.push(VERSION);
    out.extend_from_slice(&count.ok_or(StoreError::Full)?.to_le_bytes());
    for (kind, value) in attributes {
        write(&mut out, *kind, value)?;
    }
    Ok(out)
}

fn write(out: &mut Vec<u8>, kind: CK_ATTRIBUTE_TYPE, value: &Value) -> Result<()> {
    out.extend_from_slice(&u64::from(kind).to_le_bytes());
    match value {
        Value::Bool(value) => out.push(u8::from(*value)),
        Value::Ulong(value) => {
            out.push(2);
            out.extend_from_slice(&value.to_le_bytes());
        }
        Value::Bytes(value) => {
            let length = u32::try_from(value.len()).map_err(|_| StoreError::Full)?;
            out.push(3);
            out.extend_from_slice(&length.to_le_bytes());
            out.extend_from_slice(value);
        }
        Value::Ulongs(values) => {
            let count = u16::try_from(values.len()).map_err(|_| StoreError::Full)?;
            out.push(4);
            out.extend_from_slice(&count.to_le_bytes());
            values
                .iter()
                .for_each(|value| out.extend_from_slice(&value.to_le_bytes()));
        }
        Value::Template(attributes) => {
            let count = u16::try_from(attributes.len()).map_err(|_| StoreError::Full)?;
            out.push(5);
            out.extend_from_slice(&count.to_le_bytes());
            attributes
                .iter()
                .try_for_each(|(kind, value)| write(out, *kind, value))?;
        }
    }
    Ok(())
}

fn byte_len(value: &Value) -> usize {
    match value {
        Value::Bool(_) | Value::Ulong(_) => 0,
        Value::Bytes(value) => value.len(),
        Value::Ulongs(values) => 8 * values.len(),
        Value::Template(attributes) => attributes.iter().map(|(_, value)| 21 + byte_len(value)).sum(),
    }
}

/// Reads what [`encode`] wrote. The seal has been checked before, so a fault here is one of another version's.
pub(crate) fn decode(record: &[u8]) -> Result<Attributes> {
    read(record).ok_or(StoreError::Corrupt("an object's attributes"))
}

fn read(mut rest: &[u8]) -> Option<Attributes> {
    let rest = &mut rest;
    if take::<1>(rest)? != [VERSION] {
        return None;
    }
    let count = usize::from(u16::from_le_bytes(take(rest)?));
    if count > MAX_ATTRIBUTES {
        return None;
    }
    let mut attributes = Attributes::new();
    for _ in 0..count {
        let (kind, value) = read_attribute(rest, true)?;
        attributes.insert(kind, value);
    }
    rest.is_empty().then_some(attributes)
}

fn read_attribute(rest: &mut &[u8], may_be_template: bool) -> Option<(CK_ATTRIBUTE_TYPE, Value)> {
    let kind = CK_ATTRIBUTE_TYPE::try_from(u64::from_le_bytes(take(rest)?)).ok()?;
    let value = match take::<1>(rest)? {
        [0] => Value::Bool(false),
        [1] => Value::Bool(true),
        [2] => Value::Ulong(u64::from_le_bytes(take(rest)?)),
        [3] => {
            let length = usize::try_from(u32::from_le_bytes(take(rest)?))
                .ok()
                .filter(|&len| len <= MAX_VALUE)?;
            let (value, after) = rest.split_at_checked(length)?;
            *rest = after;
            Value::bytes(value)
        }
        [4] => {
            let count = u16::from_le_bytes(take(rest)?);
            let numbers = (0..count).map(|_| take(rest).map(u64::from_le_bytes));
            Value::Ulongs(numbers.collect::<Option<_>>()?)
        }
        [5] if may_be_template => {
            let count = u16::from_le_bytes(take(rest)?);
            let attributes = (0..count).map(|_| read_attribute(rest, false));
            Value::Template(attributes.collect::<Option<_>>()?)
        }
        _ => return None,
    };
    Some((kind, value))
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (head, after) = rest.split_first_chunk::<N>()?;
    *rest = after;
    Some(*head)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_reads_back_and_no_cut_or_grown_one_does() {
        let attributes: Attributes = [
            (0, Value::Ulong(2)),
            (1, Value::Bool(true)),
            (3, Value::bytes(*b"nh\xc3\xa3n")),
            (4, Value::Ulongs(vec![1, u64::MAX])),
            (
                5,
                Value::Template(vec![(2, Value::Bool(false)), (1, Value::Ulongs(vec![]))]),
            ),
        ]
        .into_iter()
        .collect();
        let record = encode(&attributes).unwrap();
        assert!(decode(&record).unwrap() == attributes);
        for length in 0..record.len() {
            assert!(decode(&record[..length]).is_err(), "cut to {length}");
        }
        assert!(decode(&[&record[..], &[0]].concat()).is_err());
    }
}
