//! Certificates from tokens and signatures.
#![no_main]

use libfuzzer_sys::fuzz_target;
use trien_signatures::certificate::Certificate;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(certificate) = Certificate::from_der(bytes) {
        let _ = (certificate.subject(), certificate.serial_hex(), certificate.public_key());
    }
});
