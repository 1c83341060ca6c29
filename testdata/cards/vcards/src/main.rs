//! `vcard --socket PATH [--applet piv|openpgp]… [--state DIR] [--seed N] [--control SOCKET] [--atr HEX] [--ejected]`
//!
//! Runs card applets that others wrote (Nitrokey's, on Trussed) behind the reader driver `ifdtest`. Several `--applet`
//! are one card with several applications, the first one the default. `--state` keeps the card's memory in files: a copy
//! of the folder is a copy of the card. Prints "ready" once the reader has powered the card, or at once with `--ejected`.

mod apdu;
mod control;
mod token;

use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, Instant};

use apdu::{Applet, Card};
use control::{Control, Orders};
use token::{Client, Nvm};

/// Between two tries to reach a reader that is not there yet.
const PAUSE: Duration = Duration::from_millis(5);

/// An answer to reset without extended lengths (ISO/IEC 7816-4, 12.1.1.9).
const USUAL_ATR: [u8; 11] = [0x3b, 0x95, 0x13, 0x81, 0x01, 0x80, 0x73, 0xff, 0x01, 0x00, 0x0b];

struct Arguments {
    applets: Vec<String>,
    socket: PathBuf,
    state: Option<PathBuf>,
    seed: Option<u64>,
    control: Option<PathBuf>,
    atr: Vec<u8>,
    ejected: bool,
}

fn arguments() -> Result<Arguments, String> {
    let mut read = Arguments {
        applets: Vec::new(),
        socket: PathBuf::new(),
        state: None,
        seed: None,
        control: None,
        atr: USUAL_ATR.to_vec(),
        ejected: false,
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        if word == "--ejected" {
            read.ejected = true;
            continue;
        }
        let value = words.next().ok_or_else(|| format!("{word} needs a value"))?;
        match word.as_str() {
            "--applet" => read.applets.push(value),
            "--socket" => read.socket = value.into(),
            "--state" => read.state = Some(value.into()),
            "--control" => read.control = Some(value.into()),
            "--seed" => read.seed = Some(value.parse().map_err(|_| "--seed needs a number")?),
            "--atr" => read.atr = bytes(&value).ok_or("--atr needs hexadecimal bytes")?,
            _ => return Err(format!("unknown: {word}")),
        }
    }
    if read.socket.as_os_str().is_empty() {
        return Err("--socket is needed".to_owned());
    }
    if read.applets.is_empty() {
        read.applets.push("piv".to_owned());
    }
    Ok(read)
}

fn bytes(hexadecimal: &str) -> Option<Vec<u8>> {
    hexadecimal
        .as_bytes()
        .chunks(2)
        .map(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok())
        .collect()
}

fn applets<'a>(names: &[String], clients: [Client<'a>; 2]) -> Vec<Box<dyn Applet + 'a>> {
    let [piv, pgp] = clients;
    let (mut piv, mut pgp) = (Some(piv), Some(pgp));
    let _ = (&mut piv, &mut pgp); // without their features neither is taken
    names
        .iter()
        .map(|name| -> Box<dyn Applet + 'a> {
            match name.as_str() {
                #[cfg(feature = "piv")]
                "piv" => Box::new(piv_authenticator::Authenticator::new(
                    piv.take().expect("one PIV application a card"),
                    piv_authenticator::Options::default().uuid(Some(*b"\x0btest-card-uuid\x01")),
                )),
                #[cfg(feature = "openpgp")]
                "openpgp" => {
                    let mut options = opcard::Options::default();
                    options.manufacturer = [0x00, 0x0f];
                    options.serial = [0x00, 0x00, 0x12, 0x34];
                    Box::new(opcard::Card::new(
                        pgp.take().expect("one OpenPGP application a card"),
                        options,
                    ))
                }
                other => panic!("this build has no applet {other}"),
            }
        })
        .collect()
}

/// vsmartcard's protocol: two bytes of length in big-endian order, then the message.
fn receive(wire: &mut UnixStream) -> io::Result<Vec<u8>> {
    let mut length = [0; 2];
    wire.read_exact(&mut length)?;
    let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
    wire.read_exact(&mut message)?;
    Ok(message)
}

fn send(wire: &mut UnixStream, message: &[u8]) -> io::Result<()> {
    let length = u16::try_from(message.len()).map_err(io::Error::other)?;
    wire.write_all(&[&length.to_be_bytes()[..], message].concat())
}

/// Serves the reader until it takes the power away, or resets; an error when the wire is gone.
fn powered(
    wire: &mut UnixStream,
    card: &mut Card<'_>,
    atr: &[u8],
    control: &Control,
    announce: &mut bool,
) -> io::Result<()> {
    let mut on = false;
    loop {
        let message = receive(wire)?;
        match message.as_slice() {
            [0] => return Ok(()),
            [1] => on = true,
            [2] => {
                control.with(|knobs| knobs.resets += 1);
                return Ok(());
            }
            [4] => {
                send(wire, atr)?;
                if on && std::mem::take(announce) {
                    println!("ready");
                }
            }
            [_] | [] => {}
            apdu => {
                let answer = serve(apdu, card, control)?;
                send(wire, &answer)?;
            }
        }
    }
}

/// One command, with whatever was ordered for it.
fn serve(apdu: &[u8], card: &mut Card<'_>, control: &Control) -> io::Result<Vec<u8>> {
    let Orders {
        delay,
        pull,
        mute,
        ejections,
        answer,
        trace,
    } = control.orders(apdu[1]);
    control.wait_released(apdu[1], ejections);
    if let Some(after) = pull {
        sleep(Duration::from_millis(after));
        control.eject();
        return Err(ErrorKind::ConnectionAborted.into());
    }
    if let Some(ejections) = mute {
        control.wait_ejected_since(ejections);
        return Err(ErrorKind::ConnectionAborted.into());
    }
    let began = Instant::now();
    sleep(Duration::from_millis(delay));
    let reply = answer.unwrap_or_else(|| card.transmit(apdu));
    let took = began.elapsed();
    control.with(|knobs| knobs.busy += took);
    if trace {
        let (head, status) = (
            &apdu[..4.min(apdu.len())],
            &reply[reply.len().saturating_sub(2)..],
        );
        eprintln!(
            "{head:02x?} -> {} bytes, {status:02x?}, {} us",
            reply.len(),
            took.as_micros()
        );
    }
    Ok(reply)
}

fn main() {
    env_logger::init();
    let arguments = arguments().unwrap_or_else(|fault| {
        eprintln!("vcard: {fault}");
        std::process::exit(2)
    });
    let control = Control::default();
    if let Some(at) = &arguments.control {
        control.serve(at).expect("the control socket");
    }
    let mut memory = Nvm::open(arguments.state.as_deref());
    let mut announce = !arguments.ejected;
    if arguments.ejected {
        println!("ready");
    } else {
        control.insert();
    }
    loop {
        let ejections = control.wait_inserted();
        let Ok(mut wire) = UnixStream::connect(&arguments.socket) else {
            sleep(PAUSE);
            continue;
        };
        if !control.keep_wire(&wire, ejections) {
            continue;
        }
        loop {
            let on = memory.power_on(["piv", "opcard"], arguments.seed, |clients| {
                let mut card = Card::new(applets(&arguments.applets, clients));
                powered(&mut wire, &mut card, &arguments.atr, &control, &mut announce)
            });
            if on.is_err() {
                break;
            }
        }
        if control.with(|knobs| knobs.inserted) {
            // The reader went, not the card.
            sleep(PAUSE);
        }
    }
}
