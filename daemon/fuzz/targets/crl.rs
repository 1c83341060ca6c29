//! Revocation lists.
#![no_main]

use libfuzzer_sys::fuzz_target;
use trien_signatures::revocation::Crl;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(crl) = Crl::from_der(bytes) {
        assert_eq!(crl.as_der(), bytes);
        let _name = crl.issuer();
    }
});
