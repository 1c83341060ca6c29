//! Signatures from strangers, in every format that has levels, raised: a time-stamp is put in, then certificates. What was
//! written is read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use trien_signatures::algorithm::Hash;
use trien_signatures::asic::AsicSignature;
use trien_signatures::augment::{Augment, AugmentError};
use trien_signatures::cades::CadesSignature;
use trien_signatures::jades::JadesSignature;
use trien_signatures::material::ValidationMaterial;
use trien_signatures::ooxml::OoxmlSignature;
use trien_signatures::pades::PadesDocument;
use trien_signatures::report::TimestampKind;
use trien_signatures::timestamp::{Imprint, TimestampToken};
use trien_signatures::xades::XadesSignature;

/// Of a detached signature.
const CONTENT: &[u8] = b"content";

/// A time-stamp of nobody's clock, about the SHA-256 of `trien`. Who puts one in looks at what it is about; whether it is
/// signed, is judged where it is read.
const TOKEN: &[u8] = include_bytes!("signer/token.der");

type Opened = Result<Box<dyn Augment>, AugmentError>;

const FORMATS: [fn(&[u8]) -> Opened; 6] = [
    |bytes| Ok(Box::new(PadesDocument::open(bytes.to_vec(), time::OffsetDateTime::UNIX_EPOCH)?)),
    |bytes| {
        let content = Hash::ALL.map(|hash| Imprint::of(hash, CONTENT));
        Ok(Box::new(CadesSignature::open(bytes, content.to_vec())?))
    },
    |bytes| Ok(Box::new(XadesSignature::open(bytes.to_vec(), None)?)),
    |bytes| Ok(Box::new(JadesSignature::open(bytes, Some(CONTENT))?)),
    |bytes| Ok(Box::new(AsicSignature::open(bytes.to_vec())?)),
    |bytes| Ok(Box::new(OoxmlSignature::open(bytes.to_vec())?)),
];

fuzz_target!(|bytes: &[u8]| {
    for open in FORMATS {
        if let Ok(signed) = open(bytes) {
            raise(open, signed.as_ref());
        }
    }
});

fn raise(open: fn(&[u8]) -> Opened, signed: &dyn Augment) {
    for kind in [TimestampKind::Signature, TimestampKind::Archive] {
        let Ok(prepared) = signed.prepare_timestamp(kind, Hash::Sha256) else {
            continue;
        };
        let token = about(prepared.imprint());
        match prepared.finish(&token) {
            Ok(stamped) => {
                let stamped = open(&stamped).unwrap_or_else(|error| panic!("{kind:?}: {error}"));
                let _ = stamped.has_timestamp(kind);
            }
            // With room for it, what is stamped is another.
            Err(AugmentError::NoRoom { .. }) => {
                let larger = signed.prepare_larger_timestamp(kind, Hash::Sha256, TOKEN.len());
                if let Ok(larger) = larger {
                    let token = about(larger.imprint());
                    let _ = larger.finish(&token);
                }
            }
            Err(_) => {}
        }
    }
    let Ok(needed) = signed.to_be_proven() else { return };
    let material = ValidationMaterial {
        certificates: needed.embedded.iter().map(|one| one.as_der().to_vec()).collect(),
        ..ValidationMaterial::default()
    };
    if let Ok(proven) = signed.add_material(&material) {
        let proven = open(&proven).unwrap_or_else(|error| panic!("material: {error}"));
        assert!(proven.to_be_proven().is_ok(), "what was there can be read still");
    }
}

/// The token, about something else.
fn about(imprint: &Imprint) -> TimestampToken {
    let known = Hash::Sha256.digest(b"trien");
    let at = TOKEN.windows(32).position(|window| window == known).expect("its imprint");
    let mut token = TOKEN.to_vec();
    token[at..at + 32].copy_from_slice(&imprint.digest);
    TimestampToken::from_der(&token).expect("a token still")
}
