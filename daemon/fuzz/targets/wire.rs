//! What a module's process and the daemon say to each other: whatever is read from any bytes settles once it is written.
#![no_main]

use libfuzzer_sys::fuzz_target;
use trien::tokens::{reply_written_anew, request_written_anew};

fuzz_target!(|bytes: &[u8]| {
    for written_anew in [request_written_anew, reply_written_anew] {
        if let Some(once) = written_anew(bytes) {
            assert!(once.len() <= bytes.len());
            assert_eq!(written_anew(&once).as_ref(), Some(&once));
        }
    }
});
