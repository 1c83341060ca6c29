//! BER-TLV data objects (ISO/IEC 8825-1) as PIV cards write them: definite lengths, tags of one to three bytes.

use super::super::apdu::Malformed;

/// The first data object, its value, and what follows it.
pub(super) fn first(bytes: &[u8]) -> Result<(u32, &[u8], &[u8]), Malformed> {
    let (tag, rest) = tag(bytes)?;
    let (length, rest) = length(rest)?;
    let value = rest.get(..length).ok_or(Malformed::Shape)?;
    Ok((tag, value, &rest[length..]))
}

/// The value of the first object with this tag on the top level; none if it is not there.
pub(super) fn find(mut bytes: &[u8], wanted: u32) -> Result<Option<&[u8]>, Malformed> {
    while !bytes.is_empty() {
        let (tag, value, rest) = first(bytes)?;
        if tag == wanted {
            return Ok(Some(value));
        }
        bytes = rest;
    }
    Ok(None)
}

/// The value of an object that has to be there.
pub(super) fn get(bytes: &[u8], wanted: u32) -> Result<&[u8], Malformed> {
    find(bytes, wanted)?.ok_or(Malformed::Shape)
}

/// One object.
pub(super) fn object(tag: u32, value: &[u8]) -> Vec<u8> {
    let tag = tag.to_be_bytes();
    let significant = tag.iter().position(|byte| *byte != 0).unwrap_or(3);
    let mut object = tag[significant..].to_vec();
    match value.len() {
        length @ 0..=0x7f => object.push(length as u8),
        length @ 0x80..=0xff => object.extend([0x81, length as u8]),
        length => {
            object.push(0x82);
            object.extend(u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes());
        }
    }
    object.extend(value);
    object
}

fn tag(bytes: &[u8]) -> Result<(u32, &[u8]), Malformed> {
    let (&head, mut rest) = bytes.split_first().ok_or(Malformed::Shape)?;
    let mut tag = u32::from(head);
    if head & 0x1f == 0x1f {
        // Two more bytes are the most that any object of a PIV card has.
        for more in 0.. {
            let (&byte, after) = rest.split_first().ok_or(Malformed::Shape)?;
            tag = tag << 8 | u32::from(byte);
            rest = after;
            match byte & 0x80 {
                0 => break,
                _ if more == 1 => return Err(Malformed::Shape),
                _ => {}
            }
        }
    }
    Ok((tag, rest))
}

fn length(bytes: &[u8]) -> Result<(usize, &[u8]), Malformed> {
    let (&head, rest) = bytes.split_first().ok_or(Malformed::Shape)?;
    let count = match head {
        0..=0x7f => return Ok((head.into(), rest)),
        0x81..=0x83 => usize::from(head & 0x7f),
        _ => return Err(Malformed::Shape),
    };
    let digits = rest.get(..count).ok_or(Malformed::Shape)?;
    let length = digits
        .iter()
        .fold(0, |length, digit| length << 8 | usize::from(*digit));
    Ok((length, &rest[count..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn n118_garbage_and_lengths_beyond_the_buffer_are_refused() {
        let bad: [&[u8]; 10] = [
            &[0x53],
            &[0x53, 5, 1],
            &[0x53, 0x80],
            &[0x53, 0x82, 1],
            &[0x53, 0x82, 0xff, 0xff, 0],
            &[0x53, 0x83, 0xff, 0xff, 0xff],
            &[0x53, 0x84, 0, 0, 0, 1, 1],
            &[0x5f],
            &[0x7f, 0xff, 0xff, 0x01, 0],
            &[0xff; 40],
        ];
        for bytes in bad {
            assert_eq!(first(bytes), Err(Malformed::Shape), "{bytes:02x?}");
            assert_eq!(find(bytes, 0x70), Err(Malformed::Shape));
        }
    }

    #[test]
    fn objects_are_read_as_they_are_written() {
        for length in [0, 1, 0x7f, 0x80, 0xff, 0x100, 3000] {
            let bytes = [object(0x5fc105, &vec![7; length]), object(0x71, &[1])].concat();
            let (tag, value, rest) = first(&bytes).unwrap();
            assert_eq!((tag, value.len()), (0x5fc105, length));
            assert_eq!(rest, [0x71, 1, 1]);
            assert_eq!(get(&bytes, 0x71), Ok(&[1][..]));
            assert_eq!(find(&bytes, 0x70), Ok(None));
        }
    }
}
