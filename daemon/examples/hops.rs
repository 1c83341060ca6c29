//! The least that a signature can take between a page and a token (`daemon/benches/bridge.py`): the processes of the bridge
//! pass each other messages as long as its own and do nothing else. A page asks over TCP; between it and the module's process
//! stands one that asks the module how its PIN stands, asks the person, has a session opened, logs in, and has it sign. Each
//! of them blocks in one thread, without a runtime, a parser, a record or a check. The token's work is counted out of it, as
//! in the bench itself, but takes its time, so that the others fall asleep as they do there.
//!
//! With a folder for a record, the one in the middle also does what no daemon could leave out: it reads the request's JSON,
//! writes the question's and the reply's, puts three chained entries on the record under its lock, waits for the disk twice
//! (which is counted out), and checks the signature.
//!
//! Arguments: COUNT PAUSE LOGIN SIGN [FOLDER], the pause before each request in milliseconds, what the token takes for a
//! login and a signature in microseconds. Prints a JSON list of milliseconds.
#![allow(clippy::print_stdout, reason = "its output is the measurement")]

use std::error::Error;
use std::fs::File;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{self, KeyPair, RsaKeyPair, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustix::fs::FlockOperation;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use trien::audit::{Action, Entry, Subject};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Bytes of messages: as the bridge's own are, rounded.
const REQUEST: usize = 256;
const REPLY: usize = 1024;
const QUESTION: usize = 1024;
const CALL: usize = 64;

fn main() -> Outcome<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["echo", length] => echo(&mut stdin(), length.parse()?),
        ["token"] => token(&mut stdin()),
        ["daemon", port, login, sign, ref folder @ ..] => {
            let duties = folder.first().map(Path::new).map(Duties::new).transpose()?;
            daemon(port.parse()?, [login.parse()?, sign.parse()?], duties)
        }
        [count, pause, ref rest @ ..] if (2..=3).contains(&rest.len()) => {
            page(count.parse()?, pause.parse()?, rest)
        }
        _ => {
            println!("hops: COUNT PAUSE LOGIN SIGN [FOLDER]; see `make bench`");
            Ok(())
        }
    }
}

/// The socket that a process of this program is started with.
fn stdin() -> UnixStream {
    use std::os::fd::AsFd;
    let own = std::io::stdin().as_fd().try_clone_to_owned();
    UnixStream::from(own.expect("a process has a standard input"))
}

/// Starts a process of this program with the other end of a socket.
fn start(words: &[&str]) -> Outcome<UnixStream> {
    let (here, there) = UnixStream::pair()?;
    Command::new(std::env::current_exe()?)
        .args(words)
        .stdin(Stdio::from(OwnedFd::from(there)))
        .spawn()?;
    Ok(here)
}

/// The person's window: an answer to each question.
fn echo(socket: &mut UnixStream, length: usize) -> Outcome<()> {
    let mut message = vec![0; length];
    while socket.read_exact(&mut message).is_ok() {
        socket.write_all(&message[..CALL])?;
    }
    Ok(())
}

/// The module's process: works for as many microseconds as it is told, and says how many it took.
fn token(socket: &mut UnixStream) -> Outcome<()> {
    let mut call = [0; CALL];
    while socket.read_exact(&mut call).is_ok() {
        let began = Instant::now();
        let work = Duration::from_micros(u64::from_le_bytes(call[..8].try_into()?));
        while began.elapsed() < work {
            std::hint::spin_loop();
        }
        let took = u64::try_from(began.elapsed().as_nanos())?;
        call[..8].copy_from_slice(&took.to_le_bytes());
        socket.write_all(&call)?;
    }
    Ok(())
}

/// What no daemon could leave out.
struct Duties {
    path: PathBuf,
    record: File,
    length: u64,
    entries: u64,
    hash: [u8; 32],
    subject: Subject,
    key: UnparsedPublicKey<Vec<u8>>,
    signature: Vec<u8>,
}

/// What is signed.
const MESSAGE: [u8; 32] = [0; 32];

impl Duties {
    fn new(folder: &Path) -> Outcome<Self> {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048)?;
        let mut signature = vec![0; pair.public_modulus_len()];
        pair.sign(
            &signature::RSA_PKCS1_SHA256,
            &SystemRandom::new(),
            &MESSAGE,
            &mut signature,
        )?;
        let path = folder.join("hops.jsonl");
        Ok(Self {
            record: File::options().create_new(true).append(true).open(&path)?,
            path,
            length: 0,
            entries: 0,
            hash: [0; 32],
            subject: Subject::default(),
            key: UnparsedPublicKey::new(
                &signature::RSA_PKCS1_2048_8192_SHA256,
                pair.public_key().as_ref().to_vec(),
            ),
            signature,
        })
    }

    fn read(&mut self, request: &[u8]) -> Outcome<()> {
        let call: Value = serde_json::from_slice(request)?;
        self.subject = Subject {
            method: call["method"].as_str().map(str::to_owned),
            documents: call["params"]["digest"]
                .as_str()
                .map(str::to_owned)
                .into_iter()
                .collect(),
            ..Subject::default()
        };
        Ok(())
    }

    fn question(&self) -> Outcome<Vec<u8>> {
        padded(
            &json!({ "type": "ask", "method": self.subject.method, "documents": self.subject.documents }),
            QUESTION,
        )
    }

    fn put(&mut self, action: Action) -> Outcome<()> {
        rustix::fs::flock(&self.record, FlockOperation::NonBlockingLockExclusive)?;
        let (ours, named) = (self.record.metadata()?, std::fs::symlink_metadata(&self.path)?);
        if ours.len() != self.length || ours.ino() != named.ino() {
            return Err("somebody else wrote".into());
        }
        self.entries += 1;
        let record = serde_json::to_string(&Entry {
            seq: self.entries,
            time: OffsetDateTime::now_utc().format(&Rfc3339)?,
            action,
            subject: self.subject.clone(),
        })?;
        self.hash = Sha256::new()
            .chain_update(self.hash)
            .chain_update(&record)
            .finalize()
            .into();
        let line = format!(
            "{{\"record\":{record},\"hash\":\"{}\"}}\n",
            hex::encode(self.hash)
        );
        self.record.write_all(line.as_bytes())?;
        self.length += line.len() as u64;
        rustix::fs::flock(&self.record, FlockOperation::Unlock)?;
        Ok(())
    }

    /// Waits for the disk; says how many nanoseconds.
    fn settle(&self) -> Outcome<u64> {
        let began = Instant::now();
        self.record.sync_data()?;
        nanoseconds(began)
    }

    fn check(&self) -> Outcome<()> {
        Ok(self.key.verify(&MESSAGE, &self.signature)?)
    }

    fn reply(&self) -> Outcome<Vec<u8>> {
        padded(
            &json!({ "id": 1, "result": { "signature": STANDARD.encode(&self.signature) } }),
            REPLY - 8,
        )
    }
}

/// A message of that many bytes, with blanks behind its JSON.
fn padded(message: &Value, length: usize) -> Outcome<Vec<u8>> {
    let mut bytes = serde_json::to_vec(message)?;
    bytes.resize(length, b' ');
    Ok(bytes)
}

fn nanoseconds(since: Instant) -> Outcome<u64> {
    Ok(u64::try_from(since.elapsed().as_nanos())?)
}

/// Between them: answers each request with what others took for it, in nanoseconds.
fn daemon(port: u16, [login, sign]: [u64; 2], mut duties: Option<Duties>) -> Outcome<()> {
    let mut page = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    page.set_nodelay(true)?;
    let (mut module, mut window) = (start(&["token"])?, start(&["echo", &QUESTION.to_string()])?);
    let mut ask_module = |work: u64| -> Outcome<u64> {
        let mut call = [0; CALL];
        call[..8].copy_from_slice(&work.to_le_bytes());
        module.write_all(&call)?;
        module.read_exact(&mut call)?;
        Ok(u64::from_le_bytes(call[..8].try_into()?))
    };
    let (mut request, mut answer) = (vec![0; REQUEST], vec![0; CALL]);
    while page.read_exact(&mut request).is_ok() {
        let mut question = vec![0; QUESTION];
        if let Some(duties) = &mut duties {
            duties.read(&request)?;
        }
        let mut others = ask_module(0)?;
        if let Some(duties) = &mut duties {
            duties.put(Action::Asked)?;
            question = duties.question()?;
        }
        let asked = Instant::now();
        window.write_all(&question)?;
        window.read_exact(&mut answer)?;
        others += nanoseconds(asked)?;
        if let Some(duties) = &mut duties {
            others += duties.settle()?;
            duties.put(Action::Approved)?;
        }
        for work in [0, login, sign] {
            others += ask_module(work)?;
        }
        let mut reply = vec![0; REPLY];
        if let Some(duties) = &mut duties {
            duties.check()?;
            duties.put(Action::Signed {
                results: vec![hex::encode(Sha256::digest(&duties.signature))],
            })?;
            others += duties.settle()?;
            reply[8..].copy_from_slice(&duties.reply()?);
        }
        reply[..8].copy_from_slice(&others.to_le_bytes());
        page.write_all(&reply)?;
    }
    Ok(())
}

fn page(count: usize, pause: u64, rest: &[&str]) -> Outcome<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let port = listener.local_addr()?.port().to_string();
    let _daemon = start(&[&["daemon", port.as_str()], rest].concat())?;
    let (mut daemon, _) = listener.accept()?;
    daemon.set_nodelay(true)?;
    let call = json!({ "id": 1, "method": "sign_digest", "params": { "hash": "SHA-256", "digest": STANDARD.encode(MESSAGE) } });
    let request = padded(&call, REQUEST)?;
    let mut reply = vec![0; REPLY];
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        std::thread::sleep(Duration::from_millis(pause));
        let began = Instant::now();
        daemon.write_all(&request)?;
        daemon.read_exact(&mut reply)?;
        let others = Duration::from_nanos(u64::from_le_bytes(reply[..8].try_into()?));
        times.push(began.elapsed().saturating_sub(others).as_secs_f64() * 1e3);
    }
    println!("{}", serde_json::to_string(&times)?);
    Ok(())
}
