//! For information: digests and authenticated encryption through the C interface, beside the library called directly.

use cryptoki_sys::CKM_SHA256;

use crate::calls::Session;
use crate::contestants::{Contestant, Named, Token};
use crate::direct;
use crate::signatures::{ok, open};
use crate::table::{Table, micros};
use crate::turns::{Work, by_turns};

const ROUNDS: usize = 7;

/// The largest piece, in bytes.
const MOST: usize = 1 << 20;

/// SHA-256 and AES-256-GCM of short and long data.
pub(crate) fn compare(modules: &[Named], token: &Token) {
    let contestants = Contestant::prepare(modules, token);
    let names: Vec<&str> = modules.iter().map(|named| named.name.as_str()).collect();
    let sessions = open(&contestants, token);
    let table = Table::new("processor time, for information", Some("AWS-LC"), &names, micros);
    let data = vec![0x42; MOST];
    for (name, length) in [("SHA-256 of 32 bytes", 32), ("SHA-256 of 1 MiB", MOST)] {
        let works = sessions
            .iter()
            .map(|session| digesting(session.as_ref()?, &data[..length]));
        table.row(
            name,
            &by_turns(
                ROUNDS,
                [direct::sha256(&data[..length])]
                    .into_iter()
                    .chain(works)
                    .collect(),
            ),
        );
    }
    for (name, length) in [("AES-256-GCM of 16 KiB", 1 << 14), ("AES-256-GCM of 1 MiB", MOST)] {
        let works = sessions
            .iter()
            .map(|session| sealing(session.as_ref()?, &data[..length]));
        table.row(
            name,
            &by_turns(
                ROUNDS,
                [ok(direct::gcm(length)).flatten()]
                    .into_iter()
                    .chain(works)
                    .collect(),
            ),
        );
    }
}

fn digesting<'a>(session: &'a Session<'a>, data: &'a [u8]) -> Work<'a> {
    let mut out = [0; 32];
    Some(Box::new(move || session.digest(CKM_SHA256, data, &mut out)))
}

fn sealing<'a>(session: &'a Session<'a>, data: &'a [u8]) -> Work<'a> {
    let key = ok(session.generate_aes())?;
    let (mut out, mut count) = (vec![0; data.len() + 16], 0u64);
    Some(Box::new(move || {
        // NSS and others refuse to use a nonce twice.
        count += 1;
        let mut nonce = [0; 12];
        nonce[..8].copy_from_slice(&count.to_le_bytes());
        session.encrypt_gcm(key, &mut nonce, data, &mut out)
    }))
}
