//! The front door: any text a page may send.
#![no_main]

use libfuzzer_sys::fuzz_target;
use trien_protocol::envelope::Request;

fuzz_target!(|text: &str| {
    if let Err(malformed) = Request::parse(text) {
        // The detail goes back to the page; it must stay small whatever came in.
        assert!(malformed.detail.len() < 300);
    }
});
