//! Fingerprints of Vietnamese authorities as they are published, so that whoever adds an anchor sees whether it is the one
//! it calls itself. They vouch for nothing: nothing is trusted before a person adds it.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// SHA-256 of the DER in lower-case hexadecimal, and what the certificate is.
const PUBLISHED: [(&str, &str); 6] = [
    (
        "bac8bf609ab420a8ee1780d74f4de5c7f7184959d2a7375b0a75e4c29f0908e7",
        "Vietnam National Root CA (2014–2039)",
    ),
    (
        "f04ba4b459a7c9a1b971ad9b1cb833e695a80c79aea63b174b66a70edfe2fdb8",
        "VGCA: RootCA chuyên dùng Chính phủ G2 (2018–2048)",
    ),
    (
        "d8cab7a4aef92e6bb2509d7c61cee7b44f3731b2d21074963530277b366fae4b",
        "VGCA: CA phục vụ các cơ quan Nhà nước G2",
    ),
    (
        "e4b402e3cb4cacc0a20d21fa49bce76beb4eb47ba7ffb7a8f71c554dbe561a81",
        "VGCA: CA phục vụ các cơ quan Đảng G2",
    ),
    (
        "f7bc89054cec7f12730d7b8cd3eb7955b163835087e5eb873edfb584763b3f90",
        "VGCA: Root G1 (2010–2030)",
    ),
    (
        "75e969c07ba35c29c72bbc1bfb880f20f3891a619b00b77eb02ca6160736a1fe",
        "VGCA: cp (G1)",
    ),
];

/// What a certificate with this fingerprint is published as.
#[must_use]
pub fn name(sha256: &str) -> Option<&'static str> {
    let found = PUBLISHED.iter().find(|(fingerprint, _)| *fingerprint == sha256);
    found.map(|(_, name)| *name)
}

/// Whether a subject calls itself one of the authorities whose fingerprints are published, or one of their kin. Marks and
/// case do not tell names apart: the first generation's have none, and an impostor's may leave them out.
#[must_use]
pub fn calls_itself_one(subject: &str) -> bool {
    let plain = plain(subject);
    [
        "vietnam national root ca",
        "chuyen dung chinh phu",
        "phuc vu cac co quan nha nuoc",
        "phuc vu cac co quan dang",
    ]
    .iter()
    .any(|name| plain.contains(name))
}

/// Vietnamese without its marks, in small letters.
fn plain(text: &str) -> String {
    let letters = text.nfd().filter(|letter| !is_combining_mark(*letter));
    letters
        .flat_map(char::to_lowercase)
        .map(|letter| if letter == 'đ' { 'd' } else { letter })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_marks_and_without_are_known() {
        for subject in [
            "CN=RootCA chuyên dùng Chính phủ G2,O=Ban Cơ yếu Chính phủ,C=VN",
            "CN=Co quan chung thuc so chuyen dung Chinh phu (RootCA),O=Ban Co yeu Chinh phu,C=VN",
            "CN=CA PHỤC VỤ CÁC CƠ QUAN ĐẢNG G2,C=VN",
            "CN=Vietnam National Root CA G3,C=VN",
        ] {
            assert!(calls_itself_one(subject), "{subject}");
        }
        assert!(!calls_itself_one("CN=VNPT Certification Authority,C=VN"));
    }

    #[test]
    fn every_fingerprint_is_the_published_one() {
        let table = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../testdata/pki/published/fingerprints.tsv"
        );
        let table = std::fs::read_to_string(table).expect("the table of fingerprints");
        let rows = table.lines().filter(|line| !line.starts_with('#'));
        let published: Vec<(&str, &str)> = rows
            .map(|row| {
                let mut columns = row.split('\t');
                let [sha256, name] = [(); 2].map(|()| columns.next().expect("a fingerprint and a name"));
                (sha256, name)
            })
            .collect();
        assert_eq!(PUBLISHED.as_slice(), published);
        for (sha256, wanted) in published {
            assert_eq!(name(sha256), Some(wanted));
            let other = sha256.replacen(char::is_numeric, "f", 1);
            assert_eq!(name(&other), None, "{wanted}");
        }
    }
}
