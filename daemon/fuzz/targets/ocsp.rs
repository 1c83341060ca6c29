//! Answers of OCSP responders.
#![no_main]

use libfuzzer_sys::fuzz_target;
use trien_signatures::revocation::OcspResponse;

fuzz_target!(|bytes: &[u8]| {
    let _whole = OcspResponse::from_der(bytes);
    let _basic = OcspResponse::from_basic_der(bytes);
});
