//! Test suites that others wrote for PKCS #11 libraries, case by case.
//!
//! Beside each suite's name, `judges/SUITE.expected` lists every case that does not pass, with what it does instead and
//! why; all others pass. A case that does something else than its line says fails the test, also when it is better.
//! `judges/prepare.sh` fetches and builds the suites; `JUDGES_SHOW=1` prints the lines that would be true now.

#![allow(clippy::unwrap_used, clippy::print_stdout)] // a test may fail, and says what it found

mod harness;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use harness::{command, load, module, pin};

/// Some cases sign by SHA-1, which the token does for those alone who say so.
const SHA1_SIGNATURES: &str = "TRIEN_PKCS11_SHA1_SIGNATURES";

/// What each case did: `passed`, `failed`, `skipped`.
type Verdicts = BTreeMap<String, &'static str>;

fn suites() -> PathBuf {
    let suites = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/judges/suites");
    assert!(
        suites.join(".made").exists(),
        "run `make target/judges/suites/.made` first"
    );
    suites.canonicalize().unwrap()
}

/// A token with these PINs in the first slot.
fn make_token(label: &str, officer: &str, user: &str) {
    let library = load();
    let slot = library.get_slots_with_token().unwrap()[0];
    library.init_token(slot, &pin(officer), label).unwrap();
    let session = library.open_rw_session(slot).unwrap();
    session
        .login(cryptoki::session::UserType::So, Some(&pin(officer)))
        .unwrap();
    session.init_pin(&pin(user)).unwrap();
}

/// Runs it; a suite with failed cases is one that fails, so its end says nothing.
fn output(mut command: Command) -> String {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    println!("{said}");
    said
}

/// Cases as pytest lists them.
fn pytest(mut command: Command) -> Verdicts {
    command.args(["-v", "-p", "no:cacheprovider", "-p", "gates", "--tb=short"]);
    command.env(
        "PYTHONPATH",
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/judges"),
    );
    command.env("COLUMNS", "300").env("PYTHONDONTWRITEBYTECODE", "1");
    command.env(SHA1_SIGNATURES, "1");
    let outcomes = [
        ("PASSED", "passed"),
        ("FAILED", "failed"),
        ("SKIPPED", "skipped"),
        ("ERROR", "failed"),
    ];
    let said = output(command);
    said.lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            let case = words.next().filter(|case| case.contains(".py::"))?;
            let outcome = words.next()?;
            let (_, verdict) = outcomes.iter().find(|(name, _)| *name == outcome)?;
            Some((case.to_owned(), *verdict))
        })
        .collect()
}

/// Holds the verdicts against the suite's file and its number of cases.
fn judge(suite: &str, cases: usize, verdicts: &Verdicts) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/judges/{suite}.expected"));
    let text = std::fs::read_to_string(path).unwrap();
    let expected: BTreeMap<&str, &str> = text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| {
            let (verdict, rest) = line.split_once(' ').expect("verdict, case: reason");
            let (case, reason) = rest.rsplit_once(": ").expect("verdict, case: reason");
            assert!(!reason.is_empty());
            (case, verdict)
        })
        .collect();
    let other: BTreeMap<&str, &str> = verdicts
        .iter()
        .filter(|(_, verdict)| **verdict != "passed")
        .map(|(case, verdict)| (case.as_str(), *verdict))
        .collect();
    if std::env::var_os("JUDGES_SHOW").is_some() {
        for (case, verdict) in &other {
            println!("EXPECT {verdict} {case}: ");
        }
    }
    let passed = verdicts.len() - other.len();
    println!("{suite}: {passed} of {} passed", verdicts.len());
    assert_eq!(verdicts.len(), cases, "cases of the suite");
    assert_eq!(
        other, expected,
        "left: what {suite} found; right: what its file expects"
    );
}

alone! {
    fn the_tests_of_the_cryptoki_crate(home) {
        let folder = suites().join("cryptoki");
        let mut verdicts = Verdicts::new();
        for binary in ["allowed_mechanisms", "basic", "ml_dsa", "ml_kem", "slh_dsa", "wycheproof"] {
            let mut tests = Command::new("cargo");
            tests.args(["test", "--quiet", "--locked", "--offline", "--test", binary, "--", "--test-threads=1", "--format=pretty"]);
            tests.current_dir(&folder).env("CARGO_TARGET_DIR", folder.join("target")).env("CARGO_PROFILE_TEST_DEBUG", "0");
            tests.env("TRIEN_HOME", home.join(binary)).env("TEST_PKCS11_MODULE", module());
            tests.env(SHA1_SIGNATURES, "1");
            for line in output(tests).lines() {
                let Some((case, outcome)) = line.strip_prefix("test ").and_then(|line| line.split_once(" ... ")) else { continue };
                let verdict = match outcome.split([',', ' ']).next() {
                    Some("ok") => "passed",
                    Some("ignored") => "skipped",
                    _ => "failed",
                };
                verdicts.insert(format!("{binary}::{}", case.split(' ').next().unwrap()), verdict);
            }
        }
        judge("cryptoki", 91, &verdicts);
    }

    fn the_tests_of_python_pkcs11(home) {
        make_token("judged", "87654321", "123456");
        let mut python = command(home, suites().join("python/bin/python").to_str().unwrap(), &[]);
        python.current_dir(suites().join("python-pkcs11")).env("PKCS11_MODULE", module());
        let other = home.join("another.so");
        std::fs::copy(module(), &other).unwrap();
        python.env("PKCS11_MODULE2", other);
        python.envs([("PKCS11_TOKEN_LABEL", "judged"), ("PKCS11_TOKEN_PIN", "123456"), ("PKCS11_TOKEN_SO_PIN", "87654321")]);
        python.args(["-m", "pytest"]);
        judge("python-pkcs11", 163, &pytest(python));
    }

    fn the_tests_of_pykcs11(home) {
        make_token("judged", "123456", "1234");
        let run = |arguments: &[&str]| {
            let mut python = command(home, suites().join("python/bin/python").to_str().unwrap(), &[]);
            python.current_dir(suites().join("pykcs11")).env("PYKCS11LIB", module());
            python.args(["-m", "pytest"]).args(arguments);
            pytest(python)
        };
        // A case that fails keeps its library loaded, so those that count libraries are alone.
        let mut verdicts = run(&["--ignore=test/test_load.py"]);
        verdicts.extend(run(&["test/test_load.py"]));
        judge("pykcs11", 88, &verdicts);
        // Four cases compare names with those of another library. Nothing else is in their way.
        let ours = home.join("names");
        std::fs::create_dir(&ours).unwrap();
        for file in ["test_info.py", "test_LowLevel.py"] {
            let text = std::fs::read_to_string(suites().join("pykcs11/test").join(file)).unwrap();
            let names = [("SoftHSM", "Trien"), ("Implementation of PKCS11", "Trien software token")];
            let quoted = |name: &str| format!("\"{name}\"");
            let text = names.iter().fold(text, |text, (theirs, ours)| text.replace(&quoted(theirs), &quoted(ours)));
            std::fs::write(ours.join(file), text).unwrap();
        }
        let verdicts = run(&[ours.to_str().unwrap()]);
        assert_eq!((verdicts.len(), verdicts.values().all(|verdict| *verdict == "passed")), (6, true), "{verdicts:?}");
    }

    fn the_tests_of_crypto11(home) {
        make_token("judged", "87654321", "123456");
        let tests = suites().join("crypto11");
        let module = module();
        let configuration = format!(r#"{{"Path": "{}", "TokenLabel": "judged", "Pin": "123456"}}"#, module.display());
        std::fs::write(home.join("config"), configuration).unwrap();
        let listed = output(command(home, tests.to_str().unwrap(), &["-test.list", "^Test"]));
        let mut verdicts = Verdicts::new();
        for case in listed.lines().filter(|line| line.starts_with("Test")) {
            // Each in a process of its own: after one that fails, the library's state is nobody's.
            let said = output(command(home, tests.to_str().unwrap(), &["-test.v", "-test.run", &format!("^{case}$")]));
            let verdict = if said.contains(&format!("--- PASS: {case} ")) {
                "passed"
            } else if said.contains(&format!("--- SKIP: {case} ")) {
                "skipped"
            } else {
                "failed"
            };
            verdicts.insert(case.to_owned(), verdict);
        }
        judge("crypto11", 40, &verdicts);
    }
}
