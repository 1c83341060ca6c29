//! A running daemon, and pages that speak to it over either road. The clients are written here, byte by byte where the
//! bytes matter: what the page library and the extension host would never send has to be refused as well.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tungstenite::{Message, WebSocket};

use super::resumed::Resumed;
use super::{Desk, put_behind, repository, succeed};

/// The page's origin in these tests.
pub const PORTAL: &str = "https://dichvucong.example.gov.vn";

/// All that a page can be permitted.
pub const ALL: [&str; 6] = [
    "certificates",
    "sign_in",
    "sign",
    "batch",
    "verify",
    "blind_digest",
];

/// A person who says yes to every question, with the PIN of every token here.
pub const APPROVE: &str = "[[answer]]\ndecision = \"approve\"\nrepeat = true\npins = [\"24681357\"]\n";

/// What is passed over where a reply is waited for.
const NOTES: [&str; 3] = ["progress", "raised", "tokens_changed"];

/// A daemon; ended when dropped.
pub struct Daemon {
    child: Child,
    pub port: u16,
    pub socket: std::path::PathBuf,
    log: std::path::PathBuf,
}

impl Daemon {
    /// Starts one with this script for its prompter, and waits until it is ready.
    pub fn start(desk: &Desk, script: &str) -> Self {
        Self::start_with(desk, script, &[])
    }

    /// The same, with further arguments.
    pub fn start_with(desk: &Desk, script: &str, arguments: &[&std::ffi::OsStr]) -> Self {
        let file = desk.path("script.toml");
        std::fs::write(&file, script).unwrap();
        let _ = std::fs::remove_file(desk.path("script.toml.used"));
        Self::run(desk, command(desk, &file).args(arguments))
    }

    /// Starts one whose window is a program that keeps the question and goes, and gives where the question will lie.
    pub fn keeping_the_question(desk: &Desk) -> (Self, std::path::PathBuf) {
        Self::keeping_the_question_with(desk, "")
    }

    /// The same, with these lines in its configuration.
    pub fn keeping_the_question_with(desk: &Desk, lines: &str) -> (Self, std::path::PathBuf) {
        let question = desk.path("question.json");
        let program = format!(
            "#!/bin/sh\nread -r question && printf '%s' \"$question\" > {}\n",
            question.display()
        );
        (Self::with_window_and(desk, &program, lines), question)
    }

    /// Starts one whose window is this program.
    pub fn with_window(desk: &Desk, program: &str) -> Self {
        Self::with_window_and(desk, program, "")
    }

    fn with_window_and(desk: &Desk, program: &str, lines: &str) -> Self {
        use std::os::unix::fs::PermissionsExt;
        // Put in its place: one that a daemon before has just started cannot be written to.
        let (window, new) = (desk.path("window"), desk.path("window.new"));
        std::fs::write(&new, program).unwrap();
        std::fs::set_permissions(&new, std::fs::Permissions::from_mode(0o700)).unwrap();
        std::fs::rename(new, &window).unwrap();
        let config = format!("{lines}\n[websocket]\nport = 0\n[prompt]\nprogram = {window:?}\n");
        std::fs::create_dir_all(desk.home().join("config")).unwrap();
        std::fs::write(desk.home().join("config/config.toml"), config).unwrap();
        Self::run(desk, &mut desk.trien(["daemon"]))
    }

    /// Starts one with this command.
    pub fn run(desk: &Desk, command: &mut Command) -> Self {
        std::fs::create_dir_all(desk.home().join("config")).unwrap();
        let config = desk.home().join("config/config.toml");
        if !config.exists() {
            // For longer than a busy machine needs for what a test does meanwhile, and less long than a page waits.
            std::fs::write(&config, "[websocket]\nport = 0\n[prompt]\nseconds = 50\n").unwrap();
        }
        let log = desk.path("daemon.log");
        let errors = std::fs::File::options()
            .append(true)
            .create(true)
            .open(&log)
            .unwrap();
        let mut child = command.stdout(Stdio::piped()).stderr(errors).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let words: Vec<_> = line.split_whitespace().collect();
        let field = |name: &str| {
            words
                .iter()
                .find_map(|word| word.strip_prefix(name))
                .map(str::to_owned)
        };
        let read_log = || std::fs::read_to_string(&log).unwrap();
        assert_eq!(words.first(), Some(&"ready"), "{line:?} {}", read_log());
        let websocket = field("websocket=").unwrap();
        let port = websocket.rsplit(':').next().unwrap().parse().unwrap_or(0);
        Self {
            child,
            port,
            socket: field("socket=").unwrap().into(),
            log,
        }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// SIGKILL, and waits for the end.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits for the end.
    pub fn wait(&mut self) -> std::process::ExitStatus {
        self.child.wait().unwrap()
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    /// True if a good client gets its hello: what every test of bad ones ends with.
    pub fn answers(&self) -> bool {
        Page::over_websocket(self).hello()["result"]["version"] == 1
    }

    /// Waits until a good client gets its hello: those who have just gone have their places until the daemon has noticed,
    /// and whoever comes in that moment is turned away.
    #[track_caller]
    pub fn answers_again(&self) {
        wait_for(|| Page::websocket_from(self, PORTAL).is_ok_and(Page::gets_hello));
    }

    /// The same on the per-user socket.
    #[track_caller]
    pub fn answers_again_on_the_socket(&self) {
        let opening = json!({ "from": "extension", "origin": PORTAL, "top_origin": PORTAL });
        wait_for(|| {
            let mut page = Page::unopened(self);
            page.try_to_send(&opening.to_string()) && page.gets_hello()
        });
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        if std::thread::panicking() {
            eprintln!("{log}");
        } else {
            assert!(
                !log.contains("panicked at"),
                "the daemon went on after a panic:\n{log}"
            );
        }
    }
}

/// `trien daemon` with a scripted prompter.
pub fn command(desk: &Desk, script: &Path) -> Command {
    let mut command = desk.trien(["daemon", "--prompter"]);
    command
        .arg(format!("scripted:{}", script.display()))
        .env("TRIEN_LOG", "trien=debug");
    command
}

/// The same command where this is the administrator's policy (`/etc/trien/policy.toml`): in a mount namespace of its
/// own, whose `/etc` has little else.
pub fn under(policy: &str, command: &Command) -> Command {
    const NAMESPACE: &str = r#"
        mount -t tmpfs -o mode=755 none /mnt
        cp /etc/ld.so.cache /etc/passwd /etc/group /mnt
        mkdir /mnt/trien
        printf %s "$POLICY" > /mnt/trien/policy.toml
        chmod 644 /mnt/trien/policy.toml
        mount --move /mnt /etc
        unset POLICY
        exec "$@""#;
    let mut inside = Command::new("unshare");
    inside
        .args(["--map-root-user", "--mount", "sh", "-euc", NAMESPACE, "sh"])
        .env("POLICY", policy);
    put_behind(inside, command)
}

/// The same command with a limit of open files: what `ulimit` takes, as in `-Sn 1024`.
pub fn with_files(limit: &str, command: &Command) -> Command {
    let mut inside = Command::new("sh");
    let script = format!("ulimit {limit}; exec \"$@\"");
    inside.args(["-euc", &script, "sh"]);
    put_behind(inside, command)
}

/// Questions stay open for so long that whoever does other things first, on a busy machine, still answers them.
pub fn leave_time_to_answer(desk: &Desk) {
    std::fs::create_dir_all(desk.home().join("config")).unwrap();
    let config = "[websocket]\nport = 0\n[prompt]\nseconds = 300\n";
    std::fs::write(desk.home().join("config/config.toml"), config).unwrap();
}

/// Gives the portal the usual permissions, or these.
pub fn allow(desk: &Desk, origin: &str, scopes: &[&str]) {
    let mut command = desk.trien(["origin", "allow", origin, "--until", "never"]);
    for scope in scopes {
        command.args(["--scope", scope]);
    }
    succeed(&mut command);
}

/// What the record says happened, in order, once it has `count` entries.
pub fn record(desk: &Desk, count: usize) -> Vec<String> {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let entries: Vec<Value> =
            serde_json::from_str(&succeed(&mut desk.trien(["audit", "show", "--json"]))).unwrap();
        let actions: Vec<_> = entries
            .iter()
            .map(|entry| entry["action"].as_str().unwrap().to_owned())
            .collect();
        if actions.len() >= count || Instant::now() > deadline {
            return actions;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// What the record says happened so far, by a look that waits for nobody who writes to it.
pub fn recorded(desk: &Desk) -> Vec<String> {
    let text = std::fs::read_to_string(desk.home().join("data/audit.jsonl")).unwrap();
    // Behind the last end of a line is what is being written.
    let (whole, _) = text.rsplit_once('\n').unwrap_or_default();
    let action = |line: &str| -> String {
        let entry: Value = serde_json::from_str(line).unwrap();
        let action = &entry["record"]["action"];
        action.as_str().unwrap_or_default().to_owned()
    };
    whole.lines().map(action).collect()
}

/// The scripted prompts below the daemon that have a question; one more may stand ready for the next.
pub fn asking(pid: u32) -> Vec<u32> {
    let asks = |child: &u32| {
        std::fs::read_to_string(format!("/proc/{child}/comm")).is_ok_and(|name| name.trim() == "trien-asking")
    };
    child_pids(pid, "scripted-prompt")
        .into_iter()
        .filter(asks)
        .collect()
}

/// Waits until it is so: twenty seconds, for a busy machine.
#[track_caller]
pub fn wait_for(mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !condition() {
        assert!(Instant::now() < deadline, "in vain");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The processes below this one whose command line holds this word.
pub fn child_pids(pid: u32, word: &str) -> Vec<u32> {
    let mut below = children(pid);
    below.retain(|(child, _)| {
        std::fs::read_to_string(format!("/proc/{child}/cmdline")).is_ok_and(|line| line.contains(word))
    });
    below.into_iter().map(|(child, _)| child).collect()
}

/// The processes below this one that have ended without its taking note.
pub fn zombies(pid: u32) -> Vec<u32> {
    let below = children(pid).into_iter();
    let ended = below.filter(|(_, state)| state == "Z");
    ended.map(|(child, _)| child).collect()
}

/// The processes below this one, each with its state (proc(5)).
fn children(pid: u32) -> Vec<(u32, String)> {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter_map(|child| {
        let stat = std::fs::read_to_string(format!("/proc/{child}/stat")).ok()?;
        let mut words = stat.rsplit(')').next()?.split_whitespace();
        let state = words.next()?.to_owned();
        (words.next()?.parse() == Ok(pid)).then_some((child, state))
    })
    .collect()
}

/// A PDF document as portals have them.
pub fn dossier() -> Vec<u8> {
    std::fs::read(repository().join("testdata/documents/dossier.pdf")).unwrap()
}

/// A page's connection. Whatever test it is in, no request has more than one end, and none is heard of after it.
pub struct Page {
    road: Road,
    next_id: u64,
    /// How many requests with this id wait for their end.
    waiting: BTreeMap<u64, usize>,
}

enum Road {
    WebSocket(Box<WebSocket<Resumed<TcpStream>>>),
    Socket(UnixStream),
}

impl Page {
    /// Over the WebSocket, as the portal.
    pub fn over_websocket(daemon: &Daemon) -> Self {
        Self::websocket_from(daemon, PORTAL).expect("the handshake")
    }

    /// The same, and hello was said.
    pub fn connected(daemon: &Daemon) -> Self {
        let mut page = Self::over_websocket(daemon);
        page.hello();
        page
    }

    /// The same, with the dossier of the demo uploaded.
    pub fn with_dossier(daemon: &Daemon) -> (Self, Value) {
        let mut page = Self::connected(daemon);
        let document = page.upload("Hồ sơ.pdf", &dossier());
        (page, document)
    }

    /// Over the WebSocket, as any origin.
    pub fn websocket_from(daemon: &Daemon, origin: &str) -> Result<Self, String> {
        let stream = TcpStream::connect(("127.0.0.1", daemon.port)).map_err(|error| error.to_string())?;
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let request = tungstenite::http::Request::builder()
            .uri(format!("ws://127.0.0.1:{}/v1", daemon.port))
            .header("Host", format!("127.0.0.1:{}", daemon.port))
            .header("Origin", origin)
            .header("Connection", "Upgrade")
            .header("Upgrade", "websocket")
            .header("Sec-WebSocket-Version", "13")
            .header(
                "Sec-WebSocket-Key",
                tungstenite::handshake::client::generate_key(),
            )
            .header("Sec-WebSocket-Protocol", "trien.v1")
            .body(())
            .unwrap();
        let (socket, _) = tungstenite::client(request, Resumed(stream)).map_err(|error| error.to_string())?;
        Ok(Self {
            road: Road::WebSocket(Box::new(socket)),
            next_id: 1,
            waiting: BTreeMap::new(),
        })
    }

    /// Over the per-user socket, as the extension's host would open it for the portal.
    pub fn over_socket(daemon: &Daemon) -> Self {
        Self::opening(
            daemon,
            &json!({ "from": "extension", "origin": PORTAL, "top_origin": PORTAL }),
        )
    }

    /// Over the per-user socket, with any opening.
    pub fn opening(daemon: &Daemon, opening: &Value) -> Self {
        let mut page = Self::unopened(daemon);
        page.send_text(&opening.to_string());
        page
    }

    fn unopened(daemon: &Daemon) -> Self {
        let stream = UnixStream::connect(&daemon.socket).expect("the socket");
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        Self {
            road: Road::Socket(stream),
            next_id: 1,
            waiting: BTreeMap::new(),
        }
    }

    pub fn send_text(&mut self, text: &str) {
        assert!(self.try_to_send(text), "sent");
    }

    fn try_to_send(&mut self, text: &str) -> bool {
        self.note_request(text);
        match &mut self.road {
            Road::WebSocket(socket) => socket.send(Message::text(text)).is_ok(),
            Road::Socket(stream) => trien_protocol::frame::write(stream, text).is_ok(),
        }
    }

    /// Whether it gets its hello, and is not turned away.
    fn gets_hello(mut self) -> bool {
        let hello =
            json!({ "jsonrpc": "2.0", "id": self.next_id, "method": "hello", "params": { "versions": [1] } });
        let answered = self.try_to_send(&hello.to_string());
        answered
            && self
                .receive()
                .is_ok_and(|(reply, _)| reply["result"]["version"] == 1)
    }

    /// Bytes that are no message of the road.
    pub fn send_raw(&mut self, bytes: &[u8]) {
        // What is refused before its end cannot all be sent.
        let _ = match &mut self.road {
            Road::WebSocket(socket) => socket.get_mut().write_all(bytes),
            Road::Socket(stream) => stream.write_all(bytes),
        };
    }

    /// What cannot be sent for so long, because nobody reads at the other end, is not sent.
    pub fn give_up_writing_after(&mut self, time: Duration) {
        let Road::WebSocket(socket) = &mut self.road else {
            panic!("the WebSocket alone")
        };
        socket.get_mut().0.set_write_timeout(Some(time)).unwrap();
    }

    pub fn send_binary(&mut self, message: &Value, bytes: &[u8]) {
        self.note_request(&message.to_string());
        let frame = trien_protocol::frame::join_binary(&message.to_string(), bytes).unwrap();
        let Road::WebSocket(socket) = &mut self.road else {
            panic!("no binary frames on this road")
        };
        socket.send(Message::binary(frame)).expect("sent");
    }

    /// The next message, and document bytes that came with it. On the end: the close code, or 0 without one.
    pub fn receive(&mut self) -> Result<(Value, Vec<u8>), u16> {
        let received = self.receive_any();
        if let Ok((message, _)) = &received {
            self.note_reply(message);
        }
        received
    }

    fn note_request(&mut self, text: &str) {
        let id = serde_json::from_str::<Value>(text)
            .ok()
            .and_then(|message| message["id"].as_u64());
        if let Some(id) = id {
            *self.waiting.entry(id).or_default() += 1;
        }
    }

    /// What was sent as raw bytes is not known here.
    fn note_reply(&mut self, message: &Value) {
        let is_progress = message["method"] == "progress";
        let about = match is_progress {
            true => &message["params"]["request"],
            false => &message["id"],
        };
        let Some(waiting) = about.as_u64().and_then(|id| self.waiting.get_mut(&id)) else {
            return;
        };
        assert!(*waiting > 0, "its request has ended: {message}");
        if !is_progress {
            *waiting -= 1;
        }
    }

    fn receive_any(&mut self) -> Result<(Value, Vec<u8>), u16> {
        match &mut self.road {
            Road::Socket(stream) => match trien_protocol::frame::read(stream, usize::MAX) {
                Ok(Some(text)) => Ok((serde_json::from_str(&text).unwrap(), Vec::new())),
                _ => Err(0),
            },
            Road::WebSocket(socket) => loop {
                match socket.read() {
                    Ok(Message::Text(text)) => return Ok((serde_json::from_str(&text).unwrap(), Vec::new())),
                    Ok(Message::Binary(frame)) => {
                        let (text, bytes) = trien_protocol::frame::split_binary(&frame).unwrap();
                        return Ok((serde_json::from_str(text).unwrap(), bytes.to_vec()));
                    }
                    Ok(Message::Close(frame)) => return Err(frame.map_or(0, |frame| frame.code.into())),
                    Ok(_) => {}
                    Err(_) => return Err(0),
                }
            },
        }
    }

    /// Sends a request without waiting; gives its id.
    pub fn ask(&mut self, method: &str, params: &Value) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        self.send_text(
            &json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }).to_string(),
        );
        id
    }

    /// The reply to a request; progress on the way is passed over, and that tokens came or went.
    pub fn reply(&mut self, id: u64) -> Value {
        loop {
            let (message, _) = self.receive().expect("a reply");
            if message["id"] == id {
                return message;
            }
            assert!(NOTES.iter().any(|note| message["method"] == *note), "{message}");
        }
    }

    pub fn call(&mut self, method: &str, params: &Value) -> Value {
        let id = self.ask(method, params);
        self.reply(id)
    }

    /// The code a request fails with. A good request follows, so that not too many bad ones come in a row.
    pub fn refusal(&mut self, method: &str, params: &Value) -> String {
        let reply = self.call(method, params);
        let told = code(&reply).to_owned();
        self.call("cancel", &json!({ "request": 0 }));
        told
    }

    /// As the page library does, with everything that the daemon has.
    pub fn hello(&mut self) -> Value {
        self.hello_with(trien_protocol::CAPABILITIES)
    }

    pub fn hello_with(&mut self, capabilities: &[&str]) -> Value {
        let params = json!({ "versions": [1], "capabilities": capabilities, "client": "test" });
        self.call("hello", &params)
    }

    /// Brings a document, and gives its reference for a manifest.
    pub fn upload(&mut self, name: &str, bytes: &[u8]) -> Value {
        let mut others = BTreeMap::new();
        let document = self.upload_beside(name, bytes, &mut others);
        assert!(others.is_empty(), "{others:?}");
        document
    }

    /// The same while other requests are at work; their replies are put with `others`.
    pub fn upload_beside(&mut self, name: &str, bytes: &[u8], others: &mut BTreeMap<u64, Value>) -> Value {
        let sha256 = hex::encode(Sha256::digest(bytes));
        let size = bytes.len();
        for (index, chunk) in bytes.chunks(400_000).enumerate() {
            let mut params = json!({ "sha256": sha256, "size": size, "offset": index * 400_000 });
            let id = if matches!(self.road, Road::WebSocket(_)) {
                let id = self.next_id;
                self.next_id += 1;
                let message = json!({ "jsonrpc": "2.0", "id": id, "method": "upload", "params": params });
                self.send_binary(&message, chunk);
                id
            } else {
                params["data"] = STANDARD.encode(chunk).into();
                self.ask("upload", &params)
            };
            let reply = loop {
                let (message, _) = self.receive().expect("a reply");
                match message["id"].as_u64() {
                    Some(own) if own == id => break message,
                    Some(other) => drop(others.insert(other, message)),
                    None => assert!(NOTES.iter().any(|note| message["method"] == *note), "{message}"),
                }
            };
            assert!(reply["result"].is_object(), "{reply}");
        }
        json!({ "name": name, "sha256": sha256, "size": size })
    }

    /// Fetches a document; notes on the way are passed over.
    pub fn download(&mut self, sha256: &str, size: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        while (bytes.len() as u64) < size {
            let id = self.ask(
                "download",
                &json!({ "sha256": sha256, "offset": bytes.len(), "length": 400_000 }),
            );
            let (message, body) = loop {
                let (message, body) = self.receive().expect("a reply");
                if message["id"] == id {
                    break (message, body);
                }
                assert!(NOTES.iter().any(|note| message["method"] == *note), "{message}");
            };
            match message["result"]["data"].as_str() {
                Some(text) => bytes.extend(STANDARD.decode(text).unwrap()),
                None => bytes.extend(body),
            }
        }
        assert_eq!(hex::encode(Sha256::digest(&bytes)), sha256);
        bytes
    }
}

/// The code of an error reply.
#[track_caller]
pub fn code(reply: &Value) -> &str {
    reply["error"]["data"]["code"]
        .as_str()
        .unwrap_or_else(|| panic!("no error: {reply}"))
}

/// What a raw TCP client gets back: up to the end, or the end of a response head.
pub fn raw(port: u16, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    // Who is refused in the middle cannot send it all.
    let _ = stream.write_all(bytes);
    if !bytes.windows(4).any(|window| window == b"\r\n\r\n") {
        let _ = stream.shutdown(std::net::Shutdown::Write);
    }
    let mut answer = Vec::new();
    let mut byte = [0u8];
    while !answer.ends_with(b"\r\n\r\n") && stream.read_exact(&mut byte).is_ok() {
        answer.push(byte[0]);
    }
    answer
}
