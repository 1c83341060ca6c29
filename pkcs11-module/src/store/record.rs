//! An object's attributes as bytes, inside the seal.
//!
//! Version u8 = 1, number of attributes u16, then for each in ascending order of its type: type u64, form u8
//! (0 false, 1 true, 2 number, 3 bytes), and for a number its u64, for bytes their length u32 and themselves.
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
        out.extend_from_slice(&u64::from(*kind).to_le_bytes());
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
        }
    }
    Ok(out)
}

fn byte_len(value: &Value) -> usize {
    if let Value::Bytes(value) = value {
        value.len()
    } else {
        0
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
            _ => return None,
        };
        attributes.insert(kind, value);
    }
    rest.is_empty().then_some(attributes)
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
