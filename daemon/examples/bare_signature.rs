//! What the token alone costs: one `C_Sign` with CKM_RSA_PKCS, and one `C_Login` before it, on the key that the browser
//! benchmark signs with. Prints JSON; `make bench` puts it beside the same signature asked for by a page.
//!
//! Arguments: MODULE TOKEN-LABEL PIN-FILE COUNT. Reads `TRIEN_HOME` as the module does.
#![allow(clippy::print_stdout, reason = "its output is the measurement")]

use std::error::Error;
use std::hint::black_box;
use std::time::Instant;

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, KeyType, ObjectClass};
use cryptoki::session::UserType;
use cryptoki::types::AuthPin;

/// DER of DigestInfo for SHA-256 up to the digest (RFC 8017, section 9.2, note 1).
const DIGEST_INFO: [u8; 19] = [
    0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00,
    0x04, 0x20,
];

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [module, label, pin_file, count] = words.as_slice() else {
        println!("bare_signature: MODULE TOKEN-LABEL PIN-FILE COUNT; see `make bench`");
        return Ok(());
    };
    let count: usize = count.parse()?;
    let pin = AuthPin::new(std::fs::read_to_string(pin_file)?.trim_end().into());
    let context = Pkcs11::new(module)?;
    context.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK))?;
    let mut slots = context.get_slots_with_token()?.into_iter();
    let slot = slots.find(|slot| {
        context
            .get_token_info(*slot)
            .is_ok_and(|token| token.label().trim_end() == label)
    });
    let session = context.open_ro_session(slot.ok_or("there is no such token")?)?;

    let input = [&DIGEST_INFO[..], &[0x5a; 32]].concat();
    let template = [
        Attribute::Class(ObjectClass::PRIVATE_KEY),
        Attribute::KeyType(KeyType::RSA),
    ];
    let mut sign = Vec::with_capacity(count);
    let mut first = Vec::with_capacity(count);
    let mut login_and_sign = Vec::with_capacity(count);
    for _ in 0..count {
        let start = Instant::now();
        session.login(UserType::User, Some(&pin))?;
        let logged_in = Instant::now();
        let key = *session
            .find_objects(&template)?
            .first()
            .ok_or("there is no RSA key")?;
        black_box(session.sign(&Mechanism::RsaPkcs, key, &input)?);
        first.push(logged_in.elapsed().as_secs_f64() * 1e3);
        login_and_sign.push(start.elapsed().as_secs_f64() * 1e3);
        // The first signature after a login also unseals the key; the next is the bare one.
        let bare = Instant::now();
        black_box(session.sign(&Mechanism::RsaPkcs, key, &input)?);
        sign.push(bare.elapsed().as_secs_f64() * 1e3);
        session.logout()?;
    }
    println!(
        "{{\"count\":{count},\"sign_ms\":{:.4},\"first_sign_ms\":{:.4},\"login_and_sign_ms\":{:.4}}}",
        median(&mut sign),
        median(&mut first),
        median(&mut login_and_sign)
    );
    Ok(())
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
