//! Levels of what is signed as it comes out of a pipe, and cannot be read there again.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::JoinHandle;

use crate::support::office::{Office, Server};
use crate::support::{error_code, fail, succeed};
use crate::{level_alone, with_authority, without_authority};

/// `cat đơn.txt | trien sign …`, which has to succeed.
fn sign_piped(office: &Office, words: &[&str], out: &str) -> String {
    let mut command = sign(office, words, out, Path::new("-"));
    let spawned = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = spawned.spawn().unwrap();
    let letter = std::fs::read(office.desk.path("đơn.txt")).unwrap();
    child.stdin.take().unwrap().write_all(&letter).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{words:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn sign(office: &Office, words: &[&str], out: &str, input: &Path) -> Command {
    let mut command = office.desk.trien(["sign", "--cert", "an"]);
    command.args(words).arg("--out").arg(office.desk.path(out));
    command.arg(input).args(office.desk.pin());
    command
}

#[test]
fn what_came_out_of_a_pipe_is_raised_with_what_was_read_of_it() {
    let (office, _server, tsa) = with_authority("ec:p256");
    office.import(&["root.crl", "ca.crl"]);
    let at = |level| ["--level", level, "--tsa", &tsa];
    let detached = ["--format", "cades", "--detached"];
    for (level, reached) in [("t", "B-T"), ("lta", "B-LTA")] {
        sign_piped(&office, &[&detached[..], &at(level)].concat(), "piped.p7s");
        assert_eq!(office.level("piped.p7s"), reached);
        sign_piped(
            &office,
            &[&["--format", "cades"][..], &at(level)].concat(),
            "piped.p7m",
        );
        assert_eq!(level_alone(&office, "piped.p7m"), reached);
    }
    let fifo = office.desk.path("fifo");
    succeed(Command::new("mkfifo").arg(&fifo));
    for number in 0..10 {
        let (fifo, out) = (fifo.clone(), format!("fifo{number}.p7s"));
        let writer = written_once(&office, &fifo);
        succeed(&mut sign(
            &office,
            &[&detached[..], &at("t")].concat(),
            &out,
            &fifo,
        ));
        writer.join().unwrap();
        assert_eq!(office.level(&out), "B-T");
    }
    // The content is inside, and given once more: that is said, without a second reader of the pipe.
    let writer = written_once(&office, &fifo);
    let mut verify = office.desk.trien(["verify", "--content"]);
    verify.arg(&fifo).arg(office.desk.path("piped.p7m"));
    fail(&mut verify, 1);
    writer.join().unwrap();
}

/// Whoever writes the letter into a pipe with a name, and goes before anybody can open the pipe again.
fn written_once(office: &Office, fifo: &Path) -> JoinHandle<()> {
    let (letter, fifo) = (
        std::fs::read(office.desk.path("đơn.txt")).unwrap(),
        fifo.to_owned(),
    );
    std::thread::spawn(move || std::fs::write(fifo, letter).unwrap())
}

#[test]
fn what_has_to_wait_does_not_rest_on_a_pipe() {
    let (office, port, tsa) = without_authority();
    let waiting = ["--level", "t", "--tsa", &tsa, "--queue"];
    let detached = [&["--format", "cades", "--detached"][..], &waiting].concat();
    // A wrong PIN would be told, had it been asked for.
    std::fs::write(office.desk.path("wrong"), "00000000\n").unwrap();
    let mut refused = office.desk.trien(["sign", "--cert", "an"]);
    refused
        .args(&detached)
        .arg("--out")
        .arg(office.desk.path("x.p7s"));
    refused.arg("-").arg("--pin-file").arg(office.desk.path("wrong"));
    assert_eq!(error_code(&mut refused, 2), "sign-queue-content");
    assert!(!office.desk.path("x.p7s").exists());
    // What has its content inside waits for nothing but the network.
    let told = sign_piped(
        &office,
        &[&["--format", "cades", "--json"][..], &waiting].concat(),
        "q.p7m",
    );
    assert!(told.contains("\"waits_for_time_stamp\": true"), "{told}");
    assert_eq!(level_alone(&office, "q.p7m"), "B-B");
    let _server = Server::start(office.desk.pki(), port);
    succeed(&mut office.desk.trien(["augment", "--queued", "--json"]));
    assert_eq!(level_alone(&office, "q.p7m"), "B-T");
}
