//! Signed attributes are not signed as content.

use time::OffsetDateTime;
use trien_signatures::algorithm::Hash;
use trien_signatures::cades;
use trien_signatures::cades::Digests;
use trien_signatures::cms::PrepareError;
use trien_signatures::signing::Prepared;

use crate::ECDSA;
use crate::forge::{CONTENT, CONTENT_TYPE, OCTETS, SEQUENCE, SET, attribute, der};
use crate::openssl::Pki;

/// Nor is it signed as content, whatever its size.
#[test]
fn n146_the_signed_attributes_of_another_signature_are_not_signed_as_content() {
    let pki = Pki::new();
    let signer = pki.leaf("signer", "ec:P-256");
    let request = cades::CadesRequest {
        content: CONTENT,
        detached: true,
        signer: &signer.certificate,
        chain: &[],
        algorithm: ECDSA,
        signing_time: OffsetDateTime::now_utc(),
    };
    let own = cades::prepare(&request).unwrap();
    let own = own.to_be_signed().to_vec();
    // One attribute is as good as several, and may be of any length.
    let large = |length: usize| {
        der(
            SET,
            &[&attribute(CONTENT_TYPE, &[&der(OCTETS, &[&vec![0; length]])])],
        )
    };
    for (content, is_refused) in [
        (own.clone(), true),
        (large(1), true),
        (large((1 << 20) + 1), true),
        (large((2 << 20) + 1), true),
        (large(20 << 20), true),
        // Whatever else begins so.
        ([own.as_slice(), b"\0"].concat(), false),
        (own[..own.len() - 1].to_vec(), false),
        (der(SET, &[&der(OCTETS, &[b"x"])]), false),
        (der(SEQUENCE, &[&own]), false),
        (der(SET, &[]), false),
        (b"1\n".to_vec(), false),
    ] {
        let what = content.len();
        for detached in [true, false] {
            let request = cades::CadesRequest {
                content: &content,
                detached,
                ..request.clone()
            };
            let refused = cades::prepare(&request).err();
            let expected = is_refused.then_some(PrepareError::ContentIsSignedAttributes);
            assert_eq!(refused, expected, "{what}");
        }
        let digests = Digests::of(&mut content.as_slice(), &[Hash::Sha256]).unwrap();
        assert_eq!(digests.is_signed_attributes(), is_refused, "{what}");
    }
}
