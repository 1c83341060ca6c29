//! The least that a signature can take between a page and a token (`daemon/benches/bridge.py`): the processes of the bridge
//! pass each other messages as long as its own and do nothing else. A page asks over TCP; between it and the module's process
//! stands one that asks the module how its PIN stands, asks the person, has a session opened, logs in, and has it sign. Each
//! of them blocks in one thread, without a runtime, a parser, a record or a check. The token's work is counted out of it, as
//! in the bench itself, but takes its time, so that the others fall asleep as they do there.
//!
//! Arguments: COUNT PAUSE LOGIN SIGN, the pause before each request in milliseconds, what the token takes for a login and a
//! signature in microseconds. Prints a JSON list of milliseconds.
#![allow(clippy::print_stdout, reason = "its output is the measurement")]

use std::error::Error;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

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
        ["daemon", port, login, sign] => daemon(port.parse()?, [login.parse()?, sign.parse()?]),
        [count, pause, login, sign] => page(count.parse()?, pause.parse()?, [login, sign]),
        _ => {
            println!("hops: COUNT PAUSE LOGIN SIGN; see `make bench`");
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

/// Between them: answers each request with what others took for it, in nanoseconds.
fn daemon(port: u16, [login, sign]: [u64; 2]) -> Outcome<()> {
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
        let mut others = ask_module(0)?;
        let asked = Instant::now();
        window.write_all(&vec![0; QUESTION])?;
        window.read_exact(&mut answer)?;
        others += u64::try_from(asked.elapsed().as_nanos())?;
        for work in [0, login, sign] {
            others += ask_module(work)?;
        }
        let mut reply = vec![0; REPLY];
        reply[..8].copy_from_slice(&others.to_le_bytes());
        page.write_all(&reply)?;
    }
    Ok(())
}

fn page(count: usize, pause: u64, works: [&str; 2]) -> Outcome<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let port = listener.local_addr()?.port().to_string();
    let _daemon = start(&["daemon", &port, works[0], works[1]])?;
    let (mut daemon, _) = listener.accept()?;
    daemon.set_nodelay(true)?;
    let mut reply = vec![0; REPLY];
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        std::thread::sleep(Duration::from_millis(pause));
        let began = Instant::now();
        daemon.write_all(&vec![0; REQUEST])?;
        daemon.read_exact(&mut reply)?;
        let others = Duration::from_nanos(u64::from_le_bytes(reply[..8].try_into()?));
        times.push(began.elapsed().saturating_sub(others).as_secs_f64() * 1e3);
    }
    println!("{}", serde_json::to_string(&times)?);
    Ok(())
}
