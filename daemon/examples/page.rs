//! A page of the bridge's benchmark (`daemon/benches/bridge.py`): asks the daemon over its WebSocket, and says how long each
//! answer took. It is compiled, blocks in one thread, and keeps its messages ready, so that next to nothing of the time is
//! its own.
//!
//! Arguments: PORT ORIGIN WHAT COUNT PAUSE, the pause before each in milliseconds. WHAT is `hello` (each on a connection of
//! its own, which is counted too), `cancel` (of a request that is not there) or `sign_digest` (of what the person shares
//! first). Prints a JSON list of milliseconds.
#![allow(clippy::print_stdout, reason = "its output is the measurement")]

use std::error::Error;
use std::net::{Ipv4Addr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tungstenite::client::IntoClientRequest;
use tungstenite::http::HeaderValue;
use tungstenite::{Message, WebSocket, client};

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [port, origin, what, count, pause] = words.as_slice() else {
        println!("page: PORT ORIGIN hello|cancel|sign_digest COUNT PAUSE; see `make bench`");
        return Ok(());
    };
    let (port, count, pause) = (
        port.parse()?,
        count.parse()?,
        Duration::from_millis(pause.parse()?),
    );
    let mut times: Vec<f64> = Vec::with_capacity(count);
    if what == "hello" {
        for _ in 0..count {
            std::thread::sleep(pause);
            let began = Instant::now();
            let page = Page::open(port, origin)?;
            times.push(began.elapsed().as_secs_f64() * 1e3);
            drop(page);
        }
    } else {
        let mut page = Page::open(port, origin)?;
        let params = match what.as_str() {
            "sign_digest" => {
                let shared = page.call("certificates", &json!({}))?;
                json!({ "certificate": shared["sha256"], "hash": "SHA-256", "digest": DIGEST })
            }
            _ => json!({ "request": 0 }),
        };
        for _ in 0..count {
            std::thread::sleep(pause);
            times.push(page.timed(what, &params)?);
        }
    }
    println!("{}", serde_json::to_string(&times)?);
    Ok(())
}

/// Base64 of 32 bytes.
const DIGEST: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

struct Page {
    socket: WebSocket<TcpStream>,
    last: u64,
}

impl Page {
    fn open(port: u16, origin: &str) -> Outcome<Self> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_nodelay(true)?;
        let mut request = format!("ws://127.0.0.1:{port}/v1").into_client_request()?;
        let headers = request.headers_mut();
        headers.insert("origin", HeaderValue::from_str(origin)?);
        headers.insert(
            "sec-websocket-protocol",
            HeaderValue::from_static(trien_protocol::SUBPROTOCOL),
        );
        let (socket, _) = client(request, stream).map_err(|error| error.to_string())?;
        let mut page = Self { socket, last: 0 };
        page.call("hello", &json!({ "versions": [1], "client": "bench" }))?;
        Ok(page)
    }

    fn call(&mut self, method: &str, params: &Value) -> Outcome<Value> {
        let message = self.message(method, params);
        self.exchange(message)
    }

    /// How long the answer took, in milliseconds.
    fn timed(&mut self, method: &str, params: &Value) -> Outcome<f64> {
        let message = self.message(method, params);
        let began = Instant::now();
        self.exchange(message)?;
        Ok(began.elapsed().as_secs_f64() * 1e3)
    }

    fn message(&mut self, method: &str, params: &Value) -> Message {
        self.last += 1;
        let request = json!({ "jsonrpc": "2.0", "id": self.last, "method": method, "params": params });
        Message::text(request.to_string())
    }

    fn exchange(&mut self, message: Message) -> Outcome<Value> {
        self.socket.send(message)?;
        loop {
            let heard: Value = serde_json::from_str(self.socket.read()?.to_text()?)?;
            if heard["id"] == self.last {
                return match heard.get("result") {
                    Some(result) => Ok(result.clone()),
                    None => Err(heard.to_string().into()),
                };
            }
        }
    }
}
