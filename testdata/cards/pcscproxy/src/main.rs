//! `pcscproxy LISTEN REAL CONTROL`: between the clients of pcscd (`PCSCLITE_CSOCK_NAME=LISTEN`) and a real one.
//!
//! Debian's pcscd can neither add nor drop a configured reader while it runs. This hides readers from its clients and
//! brings them back, with the events of a token that is pulled and plugged. It knows the messages of protocol 4.4
//! (pcsc-lite 1.9) and passes everything else on.
//!
//! Orders, one a connection to CONTROL: `unplug NAME`, `plug NAME` (part of a reader's name); `crash` (every client loses
//! its connection); `down`, `up` (new clients are dropped); `refuse`, `admit` (no context is given, as by polkit);
//! `freeze MS` (nothing moves).
use std::{
    collections::{HashMap, HashSet},
    io::{BufRead, BufReader, Read, Result, Write},
    os::{
        fd::AsRawFd,
        unix::net::{UnixListener, UnixStream},
    },
    sync::{Arc, Condvar, Mutex},
    time::{Duration, Instant},
};

const READERS: usize = 16;
const STATE: usize = 184;
const NAME: usize = 128;
const UNKNOWN_READER: u32 = 0x8010_0009;
const SECURITY_VIOLATION: u32 = 0x8010_006a;

/// Messages (pcsc-lite, winscard_msg.h).
const ESTABLISH_CONTEXT: u32 = 0x01;
const CONNECT: u32 = 0x04;
const DISCONNECT: u32 = 0x06;
const TRANSMIT: u32 = 0x09;
const CONTROL: u32 = 0x0a;
const READER_STATES: u32 = 0x12;
const WAIT_FOR_CHANGE: u32 = 0x13;
const STOP_WAITING: u32 = 0x14;

const INVALID_VALUE: u32 = 0x8010_0011;

#[derive(Default)]
struct Shared {
    hidden: Vec<String>,
    /// bumped on every unplug: handles opened before are dead for good
    epoch: u64,
    down: bool,
    refused: bool,
    frozen: Option<Instant>,
    /// Those that are connected, by the order of their coming: each, the real service for it, and how to wake it.
    clients: HashMap<u64, [UnixStream; 3]>,
    came: u64,
}

struct Proxy {
    s: Mutex<Shared>,
    c: Condvar,
    real: String,
}

fn name_of(state: &[u8]) -> String {
    let n = state[..NAME].iter().position(|b| *b == 0).unwrap_or(NAME);
    String::from_utf8_lossy(&state[..n]).into_owned()
}

impl Proxy {
    fn hidden(&self, name: &str) -> bool {
        self.s
            .lock()
            .unwrap()
            .hidden
            .iter()
            .any(|h| name.contains(h.as_str()))
    }

    fn filter(&self, states: &mut [u8]) {
        for i in 0..READERS {
            let one = &mut states[i * STATE..(i + 1) * STATE];
            if one[0] != 0 && self.hidden(&name_of(one)) {
                one.fill(0);
            }
        }
    }

    fn thaw(&self) {
        let mut s = self.s.lock().unwrap();
        while let Some(t) = s.frozen {
            let left = t.saturating_duration_since(Instant::now());
            if left.is_zero() {
                s.frozen = None;
            } else {
                s = self.c.wait_timeout(s, left).unwrap().0;
            }
        }
    }

    /// Serves a client to its end. The service hears of that end, too: it has room for two hundred of them.
    fn client(&self, c: UnixStream) -> Result<()> {
        let number = {
            let mut s = self.s.lock().unwrap();
            s.came += 1;
            s.came
        };
        let served = self.serve(number, c);
        self.s.lock().unwrap().clients.remove(&number);
        served
    }

    fn serve(&self, number: u64, mut c: UnixStream) -> Result<()> {
        let mut r = UnixStream::connect(&self.real)?;
        let (tell, mut told) = UnixStream::pair()?;
        told.set_nonblocking(true)?;
        {
            let mut s = self.s.lock().unwrap();
            s.clients.insert(number, [c.try_clone()?, r.try_clone()?, tell]);
        }
        let mut handles: HashSet<(i32, String)> = HashSet::new();
        let mut dead: HashSet<i32> = HashSet::new();
        // The client waits for a change, and neither pcscd nor we have told it of one yet.
        let mut waits = false;
        loop {
            let mut head = [0; 8];
            c.read_exact(&mut head)?;
            let size = u32::from_le_bytes(head[..4].try_into().unwrap()) as usize;
            let cmd = u32::from_le_bytes(head[4..].try_into().unwrap());
            let mut body = vec![0; size];
            c.read_exact(&mut body)?;
            self.thaw();
            let word = |b: &[u8], n: usize| u32::from_le_bytes(b[4 * n..4 * n + 4].try_into().unwrap());
            // a handle is dead once its reader has been away, even if the reader is back
            let gone: Vec<(i32, String)> = handles.iter().filter(|(_, n)| self.hidden(n)).cloned().collect();
            for g in gone {
                handles.remove(&g);
                dead.insert(g.0);
            }
            // extra bytes after the body
            let mut extra = vec![
                0;
                match cmd {
                    TRANSMIT => word(&body, 3) as usize,
                    CONTROL => word(&body, 2) as usize,
                    _ => 0,
                }
            ];
            c.read_exact(&mut extra)?;
            let rv_at = |b: &mut [u8], v: u32| {
                let n = b.len();
                b[n - 4..].copy_from_slice(&v.to_le_bytes());
            };
            if matches!(cmd, 0x05..=0x0B | 0x0F) && dead.contains(&(word(&body, 0) as i32)) {
                rv_at(&mut body, INVALID_VALUE);
                c.write_all(&body)?;
                continue;
            }
            if cmd == ESTABLISH_CONTEXT && self.s.lock().unwrap().refused {
                rv_at(&mut body, SECURITY_VIOLATION);
                c.write_all(&body)?;
                continue;
            }
            if cmd == CONNECT && self.hidden(&name_of(&body[4..])) {
                rv_at(&mut body, UNKNOWN_READER);
                c.write_all(&body)?;
                continue;
            }
            r.write_all(&head)?;
            r.write_all(&body)?;
            r.write_all(&extra)?;
            match cmd {
                READER_STATES => {
                    let mut st = vec![0; READERS * STATE];
                    r.read_exact(&mut st)?;
                    self.filter(&mut st);
                    c.write_all(&st)?;
                }
                WAIT_FOR_CHANGE => {
                    let mut st = vec![0; READERS * STATE];
                    let mut sink = [0; 64];
                    while matches!(told.read(&mut sink), Ok(n) if n > 0) {}
                    r.read_exact(&mut st)?;
                    self.filter(&mut st);
                    c.write_all(&st)?;
                    waits = true;
                    // until pcscd, the client or a plug event speaks
                    loop {
                        let mut p = [&c, &r, &told].map(|s| libc::pollfd {
                            fd: s.as_raw_fd(),
                            events: libc::POLLIN,
                            revents: 0,
                        });
                        // SAFETY: three valid descriptors.
                        if unsafe { libc::poll(p.as_mut_ptr(), 3, -1) } < 0 {
                            continue;
                        }
                        if p[1].revents != 0 {
                            let mut w = [0; 8];
                            r.read_exact(&mut w)?;
                            waits = false;
                            c.write_all(&w)?;
                            break;
                        }
                        if p[2].revents != 0 {
                            while matches!(told.read(&mut sink), Ok(n) if n > 0) {}
                            self.stop_waiting(&mut r)?;
                            waits = false;
                            c.write_all(&[0; 8])?;
                            break;
                        }
                        if p[0].revents != 0 {
                            break; // STOP_WAITING (or the end) comes through the main loop
                        }
                    }
                }
                STOP_WAITING => {
                    // The client reads exactly one answer: pcscd's to this, or the event that crossed it. Where the wait
                    // was answered before, pcscd keeps silent now.
                    if std::mem::take(&mut waits) {
                        let mut w = [0; 8];
                        r.read_exact(&mut w)?;
                        c.write_all(&w)?;
                    }
                }
                _ => {
                    let mut reply = vec![0; size];
                    r.read_exact(&mut reply)?;
                    let ok = size >= 4 && word(&reply, size / 4 - 1) == 0;
                    let more = match cmd {
                        TRANSMIT if ok => word(&reply, 6) as usize,
                        CONTROL if ok => word(&reply, 4) as usize,
                        _ => 0,
                    };
                    let mut tail = vec![0; more];
                    r.read_exact(&mut tail)?;
                    if cmd == CONNECT && ok {
                        handles.insert((word(&reply, 1 + NAME / 4 + 2) as i32, name_of(&reply[4..])));
                    }
                    if cmd == DISCONNECT && ok {
                        let h = word(&reply, 0) as i32;
                        handles.retain(|(x, _)| *x != h);
                    }
                    self.thaw();
                    c.write_all(&reply)?;
                    c.write_all(&tail)?;
                }
            }
        }
    }

    fn stop_waiting(&self, r: &mut UnixStream) -> Result<()> {
        r.write_all(&[0, 0, 0, 0, 0x14, 0, 0, 0])?;
        let mut w = [0; 8];
        r.read_exact(&mut w)
    }

    fn obey(&self, line: &str) -> String {
        let (cmd, arg) = line.split_once(' ').unwrap_or((line, ""));
        let mut s = self.s.lock().unwrap();
        match cmd {
            "unplug" => {
                s.hidden.push(arg.into());
                s.epoch += 1;
            }
            "plug" => s.hidden.retain(|h| h != arg),
            "crash" => {
                for [client, real, _] in s.clients.values() {
                    let _ = client.shutdown(std::net::Shutdown::Both);
                    let _ = real.shutdown(std::net::Shutdown::Both);
                }
            }
            "refuse" => s.refused = true,
            "admit" => s.refused = false,
            "down" => s.down = true,
            "up" => s.down = false,
            "freeze" => s.frozen = Some(Instant::now() + Duration::from_millis(arg.parse().unwrap_or(1000))),
            _ => return "error".into(),
        }
        for [_, _, tell] in s.clients.values() {
            // One that is about to end need not hear it.
            let _ = (&*tell).write_all(b"x");
        }
        self.c.notify_all();
        "ok".into()
    }
}

fn main() -> Result<()> {
    let a: Vec<String> = std::env::args().skip(1).collect();
    if a.len() != 3 {
        eprintln!("pcscproxy LISTEN REAL CONTROL");
        std::process::exit(2);
    }
    let p = Arc::new(Proxy {
        s: Mutex::default(),
        c: Condvar::new(),
        real: a[1].clone(),
    });
    let _ = std::fs::remove_file(&a[0]);
    let _ = std::fs::remove_file(&a[2]);
    let listen = UnixListener::bind(&a[0])?;
    let ctl = UnixListener::bind(&a[2])?;
    let q = p.clone();
    std::thread::spawn(move || {
        for s in ctl.incoming().flatten() {
            let mut line = String::new();
            if BufReader::new(&s).read_line(&mut line).is_ok() {
                let said = q.obey(line.trim());
                let _ = writeln!(&s, "{said}");
            }
        }
    });
    for c in listen.incoming().flatten() {
        if p.s.lock().unwrap().down {
            continue;
        }
        let q = p.clone();
        std::thread::spawn(move || {
            let keep = c.try_clone();
            let _ = q.client(c);
            if let Ok(k) = keep {
                let _ = k.shutdown(std::net::Shutdown::Both);
            }
        });
    }
    Ok(())
}
