//! The elliptic curves this token offers, and the names by which hosts ask for them (`CKA_EC_PARAMS`, PKCS #11,
//! section 6.3.3): an object identifier, the curve's name as a `PrintableString`, or its equation (`ECParameters`,
//! ANSI X9.62), if it is that of a curve which has a name here: nobody can tell whether any other is sound.
//!
//! The binary curves and Brainpool's are not in the cryptographic library.

use std::sync::OnceLock;

use der::asn1::{AnyRef, BitStringRef, ObjectIdentifier, OctetStringRef, PrintableStringRef, UintRef};
use der::{Decode, Sequence};

use crate::error::{Error, Result};
use crate::ffi::crypto::Equation;

/// A prime curve in short Weierstrass form: `CKK_EC`. The smallest is for old keys, and for programs that know no other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Curve {
    P192,
    P224,
    P256,
    P384,
    P521,
    Secp256k1,
}

/// The names of one curve.
struct Names {
    /// DER of its object identifiers; the first is the one to write.
    identifiers: &'static [&'static [u8]],
    printable: &'static [&'static str],
}

impl Names {
    fn has(&self, parameters: &[u8]) -> bool {
        match parameters {
            [0x13, len, name @ ..] if usize::from(*len) == name.len() => {
                self.printable.iter().any(|known| known.as_bytes() == name)
            }
            identifier => self.identifiers.contains(&identifier),
        }
    }
}

/// RFC 8410; before it people wrote what GnuPG had chosen.
const EDWARDS25519: Names = Names {
    identifiers: &[
        &[0x06, 3, 0x2b, 0x65, 0x70],
        &[0x06, 9, 0x2b, 0x06, 0x01, 0x04, 0x01, 0xda, 0x47, 0x0f, 0x01],
    ],
    printable: &["edwards25519", "Ed25519"],
};

/// RFC 8410.
const EDWARDS448: Names = Names {
    identifiers: &[&[0x06, 3, 0x2b, 0x65, 0x71]],
    printable: &["edwards448", "Ed448"],
};

const CURVE448: Names = Names {
    identifiers: &[&[0x06, 3, 0x2b, 0x65, 0x6f]],
    printable: &["curve448", "X448"],
};

const CURVE25519: Names = Names {
    identifiers: &[
        &[0x06, 3, 0x2b, 0x65, 0x6e],
        &[
            0x06, 10, 0x2b, 0x06, 0x01, 0x04, 0x01, 0x97, 0x55, 0x01, 0x05, 0x01,
        ],
    ],
    printable: &["curve25519", "X25519"],
};

/// Why parameters name no curve of ours (6.3): another curve, or nothing that could be one. `implicitlyCA` must not be
/// used.
fn unknown(parameters: &[u8]) -> Error {
    let is_well_formed = match parameters {
        [0x06, ..] => <ObjectIdentifier>::from_der(parameters).is_ok(),
        [0x13, ..] => PrintableStringRef::from_der(parameters).is_ok(),
        _ => EcParameters::from_der(parameters).is_ok(),
    };
    if is_well_formed {
        Error::CurveNotSupported
    } else {
        Error::DomainParamsInvalid
    }
}

impl Curve {
    const ALL: [Self; 6] = [
        Self::P192,
        Self::P224,
        Self::P256,
        Self::P384,
        Self::P521,
        Self::Secp256k1,
    ];

    /// Reads `CKA_EC_PARAMS`.
    pub(crate) fn from_parameters(parameters: &[u8]) -> Result<Self> {
        let mut curves = Self::ALL.into_iter();
        match parameters {
            [0x30, ..] => Self::with_equation(parameters),
            name => curves.find(|curve| curve.names().has(name)),
        }
        .ok_or_else(|| unknown(parameters))
    }

    fn with_equation(parameters: &[u8]) -> Option<Self> {
        static KNOWN: OnceLock<Vec<(Curve, Equation)>> = OnceLock::new();
        let given = read_equation(parameters)?;
        let known = KNOWN.get_or_init(|| {
            let equation = |curve: Self| Some((curve, Equation::of(curve).ok()?));
            Self::ALL.into_iter().filter_map(equation).collect()
        });
        let found = known.iter().find(|(_, equation)| *equation == given);
        found.map(|(curve, _)| *curve)
    }

    /// The DER of its object identifier (RFC 5480, 2.1.1.1).
    pub(crate) fn parameters(self) -> &'static [u8] {
        self.names().identifiers[0]
    }

    const fn names(self) -> &'static Names {
        const fn names(identifiers: &'static [&'static [u8]], printable: &'static [&'static str]) -> Names {
            Names {
                identifiers,
                printable,
            }
        }
        const P192: Names = names(
            &[&[0x06, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 1]],
            &["secp192r1", "prime192v1", "P-192"],
        );
        const P224: Names = names(&[&[0x06, 5, 0x2b, 0x81, 4, 0, 0x21]], &["secp224r1", "P-224"]);
        const P256: Names = names(
            &[&[0x06, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7]],
            &["secp256r1", "prime256v1", "P-256"],
        );
        const P384: Names = names(&[&[0x06, 5, 0x2b, 0x81, 4, 0, 0x22]], &["secp384r1", "P-384"]);
        const P521: Names = names(&[&[0x06, 5, 0x2b, 0x81, 4, 0, 0x23]], &["secp521r1", "P-521"]);
        const SECP256K1: Names = names(&[&[0x06, 5, 0x2b, 0x81, 4, 0, 0x0a]], &["secp256k1"]);
        match self {
            Self::P192 => &P192,
            Self::P224 => &P224,
            Self::P256 => &P256,
            Self::P384 => &P384,
            Self::P521 => &P521,
            Self::Secp256k1 => &SECP256K1,
        }
    }

    /// The length of a field element, and of a scalar, in bytes.
    pub(crate) const fn field_len(self) -> usize {
        match self {
            Self::P192 => 24,
            Self::P224 => 28,
            Self::P256 | Self::Secp256k1 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }

    /// The length of an uncompressed point (SEC 1, 2.3.3).
    pub(crate) const fn point_len(self) -> usize {
        2 * self.field_len() + 1
    }
}

/// `ECParameters` (SEC 1, C.2).
#[derive(Sequence)]
struct EcParameters<'a> {
    version: u8,
    field: FieldId<'a>,
    curve: Coefficients<'a>,
    base: &'a OctetStringRef,
    order: UintRef<'a>,
    cofactor: Option<UintRef<'a>>,
    hash: Option<AnyRef<'a>>,
}

/// `FieldID`.
#[derive(Sequence)]
struct FieldId<'a> {
    kind: ObjectIdentifier,
    prime: UintRef<'a>,
}

/// `Curve`.
#[derive(Sequence)]
struct Coefficients<'a> {
    a: &'a OctetStringRef,
    b: &'a OctetStringRef,
    seed: Option<BitStringRef<'a>>,
}

/// The equation in `ECParameters` of a curve over a prime field, of cofactor one. Where the coefficients come from,
/// and a point that is compressed, nobody asks here.
fn read_equation(parameters: &[u8]) -> Option<Equation> {
    const PRIME_FIELD: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.1.1");
    let given = EcParameters::from_der(parameters).ok()?;
    let has_cofactor_one = given.cofactor.is_none_or(|cofactor| cofactor.as_bytes() == [1]);
    if !matches!(given.version, 1..=3) || given.field.kind != PRIME_FIELD || !has_cofactor_one {
        return None;
    }
    let coefficient = |bytes: &OctetStringRef| {
        let bytes = bytes.as_bytes();
        let zeros = bytes.iter().take_while(|&&byte| byte == 0).count();
        bytes[zeros..].to_vec()
    };
    Some(Equation {
        prime: given.field.prime.as_bytes().to_vec(),
        a: coefficient(given.curve.a),
        b: coefficient(given.curve.b),
        base: given.base.as_bytes().to_vec(),
        order: given.order.as_bytes().to_vec(),
    })
}

/// A curve in twisted Edwards form: `CKK_EC_EDWARDS`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Edwards {
    Ed25519,
    Ed448,
}

impl Edwards {
    /// Reads `CKA_EC_PARAMS`.
    pub(crate) fn from_parameters(parameters: &[u8]) -> Result<Self> {
        match parameters {
            name if EDWARDS25519.has(name) => Ok(Self::Ed25519),
            name if EDWARDS448.has(name) => Ok(Self::Ed448),
            _ => Err(unknown(parameters)),
        }
    }

    /// The length of a seed, and of a point.
    pub(crate) const fn key_len(self) -> usize {
        match self {
            Self::Ed25519 => 32,
            Self::Ed448 => 57,
        }
    }
}

/// A curve in Montgomery form: `CKK_EC_MONTGOMERY`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Montgomery {
    X25519,
    X448,
}

impl Montgomery {
    /// Reads `CKA_EC_PARAMS`.
    pub(crate) fn from_parameters(parameters: &[u8]) -> Result<Self> {
        match parameters {
            name if CURVE25519.has(name) => Ok(Self::X25519),
            name if CURVE448.has(name) => Ok(Self::X448),
            _ => Err(unknown(parameters)),
        }
    }

    /// The length of a scalar, and of a point.
    pub(crate) const fn key_len(self) -> usize {
        match self {
            Self::X25519 => 32,
            Self::X448 => 56,
        }
    }
}
