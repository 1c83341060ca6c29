//! CMS read in a stream: what it finds is what reading the whole finds.
#![no_main]

use std::io::{Cursor, Read};

use libfuzzer_sys::fuzz_target;
use trien_signatures::cades::Container;
use trien_signatures::cms::SignedData;

fuzz_target!(|bytes: &[u8]| {
    let mut file = Cursor::new(bytes);
    if let Ok(container) = Container::open(&mut file) {
        let mut content = Vec::new();
        let read = container.content(&mut file).map(|mut inside| inside.read_to_end(&mut content));
        if let (Ok(whole), Some(Ok(_))) = (SignedData::parse(bytes), read) {
            assert_eq!(whole.content(), Some(content.as_slice()));
        }
    }
});
