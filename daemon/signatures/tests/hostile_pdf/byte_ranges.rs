//! Byte ranges and contents that lie (universal signature forgery).

use crate::{byte_range, check, only_reason, replace, signed};
use trien_signatures::report::{Indication, Reason};

#[test]
fn n132_byte_range_that_is_none() {
    let document = signed();
    let (range, numbers) = byte_range(&document);
    let [_, before, after, rest] = numbers[..] else {
        panic!()
    };
    let lies = [
        "null".to_owned(),
        "[]".to_owned(),
        "[0 10]".to_owned(),
        format!("[0 {before} {after}]"),
        format!("[0 {before} {after} {}]", rest + 1),
        format!("[0 {before} {after} -1]"),
        format!("[-1 {before} {after} {rest}]"),
        format!("[1 {} {after} {rest}]", before - 1),
        format!("[0 {before} {before} {}]", rest + after - before),
        format!("[{after} {rest} 0 {before}]"),
        format!("[0 {before} 99999999999999999999 1]"),
        format!("[0 {before} 9223372036854775807 9]"),
        format!("[0 {before}.0 {after} {rest}]"),
        format!("[0 {before} {after} 1 {} 1]", after + 1),
        "[/a /b /c /d]".to_owned(),
        "[0 0 0 0]".to_owned(),
    ];
    for lie in lies {
        assert!(lie.len() <= range.len());
        let padded = format!("{lie}{}", " ".repeat(range.len() - lie.len()));
        let reason = only_reason(&replace(&document, &range, &padded));
        assert!(
            matches!(reason, Reason::MalformedByteRange | Reason::ContentsNotInGap),
            "{lie}: {reason:?}"
        );
    }
    assert_eq!(
        only_reason(&replace(&document, "/ByteRange", "/ByteRangx")),
        Reason::MalformedByteRange
    );
}

#[test]
fn n132_byte_range_with_a_gap_that_is_not_the_contents() {
    let document = signed();
    let (range, numbers) = byte_range(&document);
    let [_, before, after, rest] = numbers[..] else {
        panic!()
    };
    for (from, to) in [
        (before - 1, after),
        (before, after + 1),
        (before + 1, after),
        (before + 1, after - 1),
    ] {
        let lie = format!("[0 {from} {to} {}", after + rest - to);
        let padded = format!("{lie:<width$}]", width = range.len() - 1);
        assert_eq!(
            only_reason(&replace(&document, &range, &padded)),
            Reason::ContentsNotInGap
        );
    }
}

#[test]
fn n132_byte_range_twice_in_one_dictionary() {
    let document = signed();
    let twice = replace(&document, "/Filter /Adobe.PPKLite", "/ByteRange [0 1 2 3]  ");
    assert_eq!(twice.len(), document.len());
    assert_eq!(only_reason(&twice), Reason::MalformedByteRange);
}

fn with_contents(change: impl Fn(&mut [u8])) -> Vec<u8> {
    let mut document = signed();
    let (_, numbers) = byte_range(&document);
    change(&mut document[numbers[1]..numbers[2]]);
    document
}

#[test]
fn n132_contents_that_are_no_cms() {
    let zeros = with_contents(|contents| {
        let end = contents.len() - 1;
        contents[1..end].fill(b'0');
    });
    assert_eq!(only_reason(&zeros), Reason::MalformedCms);
    let long = with_contents(|contents| contents[1..11].copy_from_slice(b"3084ffffff"));
    assert_eq!(only_reason(&long), Reason::MalformedCms);
    let empty = with_contents(|contents| {
        contents.fill(b' ');
        contents[..2].copy_from_slice(b"<>");
    });
    assert_eq!(only_reason(&empty), Reason::ContentsNotInGap);
    let null = with_contents(|contents| {
        contents.fill(b' ');
        contents[..4].copy_from_slice(b"null");
    });
    assert_eq!(only_reason(&null), Reason::ContentsNotInGap);
    let literal = with_contents(|contents| {
        let end = contents.len() - 1;
        contents[0] = b'(';
        contents[end] = b')';
    });
    assert_eq!(only_reason(&literal), Reason::ContentsNotInGap);
}

#[test]
fn n132_contents_with_something_behind_the_cms() {
    let hidden = with_contents(|contents| {
        let end = contents.len() - 1;
        contents[end - 2..end].copy_from_slice(b"7f");
    });
    assert_eq!(only_reason(&hidden), Reason::MalformedCms);
    let unreadable = with_contents(|contents| contents[20] = b'Z');
    assert_eq!(only_reason(&unreadable), Reason::MalformedPdf);
}

#[test]
fn sub_filters_that_are_not_known() {
    let document = signed();
    for name in [
        "/ETSI.CAdES.detachex",
        "/adbe.pkcs7.sha1    ",
        "/adbe.x509.rsa_sha1 ",
    ] {
        assert_eq!(
            only_reason(&replace(&document, "/ETSI.CAdES.detached", name)),
            Reason::UnsupportedSubFilter,
            "{name}"
        );
    }
    let timestamp = replace(&document, "/ETSI.CAdES.detached", "/ETSI.RFC3161       ");
    let report = check(&timestamp);
    assert_eq!(report.signatures[0].indication, Indication::TotalFailed);
    assert_eq!(report.signatures[0].reason, Some(Reason::TimestampMalformed));
    assert!(!report.valid());
}
