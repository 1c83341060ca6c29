//! The library under valgrind's memcheck: no byte is read that was not written, none outside its place, and nothing
//! that is lost stays behind. Other tests of the crate are run again under it, some of each chapter.
//!
//! A PIN costs about a hundred times what it costs otherwise, so each test finds its token made, and these are the
//! tests that need no other. Without suppressions: what memcheck says of the libraries that are linked in is said of
//! ours. Where GCM is at work the library is asked for its code for processors without AVX, see [`WITHOUT_AVX`].

#![allow(clippy::unwrap_used)] // a test may fail

mod harness;

use std::path::{Path, PathBuf};
use std::process::Command;

/// What memcheck ends with when it has found something.
const FOUND: &str = "--error-exitcode=97";

/// A switch of AWS-LC's: what it knows of the processor, less AVX.
///
/// GHASH for AVX makes zeros of registers as it finds them, by a copy and an exclusive or of both ("subtle way to zero"
/// in AWS-LC's `ghash-x86_64.pl`). Memcheck follows values, not what is the same in two places: where a register held
/// nothing, the tag of up to seven blocks is undefined to it, and is the right one nevertheless. Called alone, with
/// nothing but defined memory, that function does the same, and does not where the three registers are cleared before
/// it is called. The other implementation clears by instructions that memcheck knows.
const WITHOUT_AVX: (&str, &str) = ("OPENSSL_ia32cap", "~0x1000000000000000");

/// Runs tests of another test program under memcheck, each in a process of its own.
#[track_caller]
fn clean(program: &str, tests: &[&str]) {
    clean_with(&[], program, tests);
}

/// The same with more in the environment.
#[track_caller]
fn clean_with(environment: &[(&str, &str)], program: &str, tests: &[&str]) {
    let program = sibling(program);
    for test in tests {
        let home = tempfile::tempdir().unwrap();
        make_token(home.path());
        let output = harness::succeeded(
            memcheck(home.path())
                .arg(&program)
                .args(harness::only(test))
                .envs(environment.iter().copied())
                .env(harness::CHILD, test)
                .env(harness::READY, "1"),
        );
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(told.contains("1 passed"), "{test} did not run: {told}");
    }
}

/// A token with our PINs in the first slot, made by a program of others.
fn make_token(home: &Path) {
    let module = harness::module();
    let tool = |more: &[&str]| {
        let module = ["--module", module.to_str().unwrap(), "--so-pin", harness::SO_PIN];
        harness::run(home, "pkcs11-tool", &[&module[..], more].concat());
    };
    tool(&["--init-token", "--slot-index", "0", "--label", "memory"]);
    tool(&[
        "--init-pin",
        "--login",
        "--login-type",
        "so",
        "--pin",
        harness::PIN,
    ]);
}

/// Memcheck, before the program that it is to run, in a folder of tokens.
fn memcheck(home: &Path) -> Command {
    let arguments = [
        "--quiet",
        FOUND,
        "--leak-check=full",
        "--errors-for-leak-kinds=definite",
        "--show-leak-kinds=definite",
        "--trace-children=yes",
        // Judges are not judged.
        "--trace-children-skip=*/openssl",
        "--num-callers=30",
    ];
    harness::command(home, "valgrind", &arguments)
}

/// The newest test program of this crate with that name: Cargo puts them all beside this one.
fn sibling(name: &str) -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let beside = std::fs::read_dir(own.parent().unwrap()).unwrap();
    let built = beside.filter_map(|entry| {
        let path = entry.unwrap().path();
        let (stem, _) = path.file_name()?.to_str()?.rsplit_once('-')?;
        let is_program = stem == name && path.extension().is_none();
        is_program.then(|| (path.metadata().unwrap().modified().unwrap(), path))
    });
    let (_, newest) = built
        .max()
        .unwrap_or_else(|| panic!("{name} is built with the other tests of the crate"));
    newest
}

#[test]
fn calls_as_only_c_makes_them() {
    let tests = [
        "lengths_are_negotiated_and_only_that_leaves_an_operation_alive",
        "a_buffer_may_be_unaligned",
    ];
    clean("raw_calls", &tests);
}

#[test]
fn templates_and_objects() {
    clean(
        "attributes",
        &["a_template_is_an_attribute_that_is_kept_and_read_back"],
    );
    clean(
        "objects",
        &["a_key_that_was_made_extractable_can_be_read_and_brought_back"],
    );
}

#[test]
fn messages_and_encapsulation() {
    clean("authenticated", &["a_message_by_ccm_is_as_long_as_it_said"]);
    clean("ml_kem", &["both_sides_get_one_secret"]);
}

#[test]
fn authenticated_encryption_by_gcm() {
    let keys = [
        "a_key_is_bound_to_what_goes_with_it",
        "the_token_makes_the_nonce_and_the_tag_has_its_place",
    ];
    let messages = [
        "a_changed_message_is_refused_and_the_next_is_opened",
        "the_token_makes_nonces_that_open_again",
    ];
    let data = [
        "one_buffer_serves_for_input_and_output",
        "what_nobody_vouches_for_is_not_released",
    ];
    clean_with(&[WITHOUT_AVX], "authenticated", &keys);
    clean_with(&[WITHOUT_AVX], "messages", &messages);
    clean_with(&[WITHOUT_AVX], "aes", &data);
    clean_with(&[WITHOUT_AVX], "symmetric_vectors", &["aes_gmac"]);
}

#[test]
fn derived_and_wrapped_keys() {
    clean("derivation_by_c", &["a_key_among_the_fields"]);
    clean("wrapping", &["an_unwrapped_key_says_where_it_comes_from"]);
    clean("authenticated", &["keys_are_wrapped_by_ccm_too"]);
}

#[test]
fn algorithms_of_yesterday() {
    clean(
        "legacy",
        &[
            "keys_of_des_have_one_length_and_odd_parity",
            "diffie_hellman_by_openssl",
        ],
    );
}

#[test]
fn curves_lattices_and_two_operations_at_once() {
    clean("ec", &["scalars_out_of_range_are_refused"]);
    clean("ml_dsa", &["what_cannot_be_done_is_refused"]);
    clean("dual", &["one_part_is_decrypted_and_verified"]);
}

#[test]
fn searches_by_an_index() {
    clean("search", &["an_index_finds_what_a_look_at_every_object_finds"]);
}

#[test]
fn a_login_and_a_damaged_store() {
    clean(
        "login",
        &["private_objects_are_nowhere_before_the_login_and_their_handles_die_with_it"],
    );
    clean("store", &["a_damaged_record_leaves_the_rest_usable"]);
}

/// The same library in a program that nobody here wrote: it has nothing to be forgiven either.
#[test]
fn a_program_of_others() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let module = harness::module();
    let tool = ["--module", module.to_str().unwrap()];
    make_token(home);
    let user = ["--login", "--pin", harness::PIN];
    std::fs::write(home.join("text"), "Hồ sơ").unwrap();
    let pair = ["--keypairgen", "--key-type", "EC:prime256v1", "--id", "01"];
    let sign = [
        "--sign",
        "-m",
        "ECDSA-SHA256",
        "--id",
        "01",
        "-i",
        "text",
        "-o",
        "signature",
    ];
    for work in [&pair[..], &sign] {
        harness::succeeded(memcheck(home).arg("pkcs11-tool").args(tool).args(user).args(work));
    }
    assert_eq!(std::fs::read(home.join("signature")).unwrap().len(), 64);
}
