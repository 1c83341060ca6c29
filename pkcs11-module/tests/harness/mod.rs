//! What the tests share: the library under test, a token of one's own, and other programs as judges.
//!
//! The library reads `TRIEN_HOME` from its process, so every test runs alone in a process of its own: [`alone`]
//! starts the test binary again for this one test, with a new empty folder.

#![allow(dead_code)] // each test file uses its part

pub(crate) mod crypto;
#[path = "../../../testdata/free_port.rs"]
mod free_port;
pub(crate) mod opensc;
pub(crate) mod raw;
mod started;
pub(crate) mod stocked;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, AttributeType, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::Slot;
use cryptoki::types::AuthPin;

#[allow(unused_imports)] // as above
pub(crate) use free_port::free_port;
#[allow(unused_imports)] // as above
pub(crate) use started::{Started, until};

pub(crate) const SO_PIN: &str = "87654321";
pub(crate) const PIN: &str = "123456";

/// DER of the curves' object identifiers.
pub(crate) const P256: &[u8] = &[0x06, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
pub(crate) const P384: &[u8] = &[0x06, 5, 0x2b, 0x81, 4, 0, 0x22];

/// Names the test that a process is to run as itself, in the folder that `TRIEN_HOME` names.
pub(crate) const CHILD: &str = "TRIEN_TEST_CHILD";
const ROLE: &str = "TRIEN_TEST_ROLE";

/// Says that the first slot has a token with our PINs, which is taken where a test would make one.
pub(crate) const READY: &str = "TRIEN_TEST_READY";

/// Whether [`READY`] says so.
pub(crate) fn is_ready() -> bool {
    std::env::var_os(READY).is_some()
}

/// The shared library that Cargo built for this test: beside the test binary, or in the profile's folder above it.
/// Cargo makes one a link to the other, but a build of other packages may have left one of them behind.
pub(crate) fn module() -> PathBuf {
    let exe = std::env::current_exe().unwrap();
    let places = exe.ancestors().skip(1).take(2);
    let built = places.filter_map(|place| {
        let library = place.join("libtrien_pkcs11.so");
        Some((std::fs::metadata(&library).ok()?.modified().ok()?, library))
    });
    let (_, newest) = built.max().expect("Cargo builds the library before its tests");
    newest
}

/// Runs the body in a process of its own with an empty `TRIEN_HOME`.
pub(crate) fn alone(test: &str, body: impl FnOnce(&Path)) {
    alone_with(test, &[], body);
}

/// The same with more in the environment.
pub(crate) fn alone_with(test: &str, environment: &[(&str, &str)], body: impl FnOnce(&Path)) {
    if std::env::var(CHILD).is_ok_and(|child| child == test) {
        return body(Path::new(&std::env::var_os("TRIEN_HOME").unwrap()));
    }
    let home = tempfile::tempdir().unwrap();
    let environment = environment.iter().copied();
    let status = again(test, home.path()).envs(environment).status().unwrap();
    assert!(status.success(), "{test} failed: {status}");
}

/// Another process of the same test, which finds [`role`] set.
pub(crate) fn actor(test: &str, home: &Path, role: &str) -> Command {
    let mut command = again(test, home);
    command.env(ROLE, role);
    command
}

/// The role of this process, if it is an [`actor`].
pub(crate) fn role() -> Option<String> {
    std::env::var(ROLE).ok()
}

fn again(test: &str, home: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(only(test));
    command.env(CHILD, test).env("TRIEN_HOME", home).env_remove(ROLE);
    command
}

/// The arguments that make a test program run one test.
pub(crate) fn only(test: &str) -> [&str; 4] {
    [test, "--exact", "--nocapture", "--test-threads=1"]
}

/// Declares tests that run [`alone`].
#[macro_export]
macro_rules! alone {
    ($($(#[doc = $doc:literal])* fn $name:ident($home:ident) $body:block)+) => {
        $($(#[doc = $doc])* #[test] fn $name() { harness::alone(stringify!($name), |$home| $body); })+
    };
}

pub(crate) fn load() -> Pkcs11 {
    let library = Pkcs11::new(module()).unwrap();
    library
        .initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK))
        .unwrap();
    library
}

pub(crate) fn pin(text: &str) -> AuthPin {
    AuthPin::from(text)
}

/// A token with both PINs set, in the free slot.
pub(crate) fn new_token(library: &Pkcs11, label: &str) -> Slot {
    if is_ready() {
        return library.get_slots_with_token().unwrap()[0];
    }
    let slot = *library.get_slots_with_token().unwrap().last().unwrap();
    library.init_token(slot, &pin(SO_PIN), label).unwrap();
    let session = library.open_rw_session(slot).unwrap();
    session.login(UserType::So, Some(&pin(SO_PIN))).unwrap();
    session.init_pin(&pin(PIN)).unwrap();
    slot
}

/// A read/write session with the user logged in.
pub(crate) fn user_session(library: &Pkcs11, slot: Slot) -> Session {
    let session = library.open_rw_session(slot).unwrap();
    session.login(UserType::User, Some(&pin(PIN))).unwrap();
    session
}

/// The first token's session with the user logged in.
pub(crate) fn first_user_session(library: &Pkcs11) -> Session {
    user_session(library, library.get_slots_with_token().unwrap()[0])
}

/// The return value behind a failure.
#[track_caller]
pub(crate) fn rv<T>(result: Result<T, Error>) -> RvError {
    match result {
        Err(Error::Pkcs11(value, _)) => value,
        Err(other) => panic!("not a return value: {other}"),
        Ok(_) => panic!("it worked"),
    }
}

pub(crate) fn rsa_pair(session: &Session, bits: u64, id: u8) -> (ObjectHandle, ObjectHandle) {
    let public = [
        Attribute::Token(true),
        Attribute::ModulusBits(bits.into()),
        Attribute::Id(vec![id]),
    ];
    let private = [Attribute::Token(true), Attribute::Id(vec![id])];
    session
        .generate_key_pair(&Mechanism::RsaPkcsKeyPairGen, &public, &private)
        .unwrap()
}

pub(crate) fn ec_pair(session: &Session, curve: &[u8], id: u8) -> (ObjectHandle, ObjectHandle) {
    let public = [
        Attribute::Token(true),
        Attribute::EcParams(curve.to_vec()),
        Attribute::Id(vec![id]),
    ];
    let private = [Attribute::Token(true), Attribute::Id(vec![id])];
    session
        .generate_key_pair(&Mechanism::EccKeyPairGen, &public, &private)
        .unwrap()
}

/// A data object.
pub(crate) fn data(label: &str, private: bool, value: &[u8]) -> Vec<Attribute> {
    vec![
        Attribute::Class(cryptoki::object::ObjectClass::DATA),
        Attribute::Token(true),
        Attribute::Private(private),
        Attribute::Label(label.into()),
        Attribute::Value(value.to_vec()),
    ]
}

pub(crate) fn bytes(session: &Session, object: ObjectHandle, kind: AttributeType) -> Vec<u8> {
    match session.get_attributes(object, &[kind]).unwrap().pop() {
        Some(
            Attribute::Modulus(value)
            | Attribute::PublicExponent(value)
            | Attribute::EcPoint(value)
            | Attribute::EcParams(value)
            | Attribute::Value(value)
            | Attribute::Id(value)
            | Attribute::Label(value)
            | Attribute::Subject(value)
            | Attribute::Issuer(value)
            | Attribute::SerialNumber(value),
        ) => value,
        other => panic!("{kind} is {other:?}"),
    }
}

/// Writes a public key object as `SubjectPublicKeyInfo` and gives the file's path.
pub(crate) fn public_key_file(session: &Session, key: ObjectHandle, home: &Path, is_rsa: bool) -> PathBuf {
    let spki = if is_rsa {
        let number = |kind| tlv(2, &[&[0], &bytes(session, key, kind)[..]].concat());
        let numbers = [
            number(AttributeType::Modulus),
            number(AttributeType::PublicExponent),
        ]
        .concat();
        let algorithm = [0x30, 13, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 13, 1, 1, 1, 5, 0];
        tlv(
            0x30,
            &[
                &algorithm[..],
                &tlv(3, &[&[0], &tlv(0x30, &numbers)[..]].concat()),
            ]
            .concat(),
        )
    } else {
        let point = bytes(session, key, AttributeType::EcPoint);
        let ec = [6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
        let algorithm = tlv(
            0x30,
            &[&ec[..], &bytes(session, key, AttributeType::EcParams)].concat(),
        );
        // The point is an OCTET STRING of less than 128 bytes: two bytes of header.
        tlv(
            0x30,
            &[&algorithm[..], &tlv(3, &[&[0], &point[2..]].concat())].concat(),
        )
    };
    let path = home.join(format!("public-{}.der", key.handle()));
    std::fs::write(&path, spki).unwrap();
    path
}

/// DER of one element.
pub(crate) fn tlv(tag: u8, value: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    match value.len() {
        length @ 0..0x80 => out.push(u8::try_from(length).unwrap()),
        length => {
            out.push(0x82);
            out.extend_from_slice(&u16::try_from(length).unwrap().to_be_bytes());
        }
    }
    out.extend_from_slice(value);
    out
}

/// Runs a program in the folder; it has to succeed.
#[track_caller]
pub(crate) fn run(home: &Path, program: &str, arguments: &[&str]) -> Output {
    succeeded(&mut command(home, program, arguments))
}

/// Runs a program in the folder.
pub(crate) fn attempt(home: &Path, program: &str, arguments: &[&str]) -> Output {
    let mut command = command(home, program, arguments);
    command
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}"))
}

/// A program in the folder, with the tokens of the test.
pub(crate) fn command(home: &Path, program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .current_dir(home)
        .env("TRIEN_HOME", home)
        .env("GNUTLS_PIN", PIN);
    command
}

/// Runs it; it has to succeed.
#[track_caller]
pub(crate) fn succeeded(command: &mut Command) -> Output {
    let output = match command.output() {
        Ok(output) => output,
        Err(error) => panic!("{command:?}: {error}"),
    };
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

/// A self-signed certificate, as DER.
pub(crate) fn certificate(home: &Path, subject: &str) -> Vec<u8> {
    let arguments = [
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-keyout",
        "other.key",
        "-utf8",
        "-subj",
        subject,
        "-days",
        "30",
        "-outform",
        "DER",
        "-out",
        "certificate.der",
    ];
    run(home, "openssl", &arguments);
    std::fs::read(home.join("certificate.der")).unwrap()
}
