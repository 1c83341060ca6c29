//! From a card put in to the event at a granted page, and to its certificates.

use std::ffi::CString;
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use pcsc::{Card, Context, Disposition, Protocols, ReaderState, Scope, ShareMode, State};
use trien::tokens::{Modules, Token, TokenSource};

use crate::support::cards::piv::{YUBIKEY, modules, runtime, token_in_time};
use crate::support::cards::{
    ReaderPlan, Readers, VirtualCard, on_readers, personalised, public_key, wait_until_empty,
};
use crate::support::daemon::{Daemon, PORTAL, Page, allow};
use crate::support::{Desk, succeed};
use crate::{median, rounds, row};

fn reader() -> CString {
    CString::new(format!("{YUBIKEY} 00 00")).unwrap()
}

/// The moments at which a bare `SCardGetStatusChange` in this process says that the reader has changed.
fn notices() -> Receiver<Instant> {
    let (notice, noticed) = channel();
    std::thread::spawn(move || {
        let context = Context::establish(Scope::User).unwrap();
        let mut states = [ReaderState::new(reader(), State::UNAWARE)];
        let _ = context.get_status_change(None, &mut states);
        loop {
            states[0].sync_current_state();
            if context.get_status_change(None, &mut states).is_err() || notice.send(Instant::now()).is_err() {
                return;
            }
        }
    });
    noticed
}

pub(crate) fn measure() {
    on_readers(
        &[ReaderPlan::plain(YUBIKEY), ReaderPlan::plain("Second Reader")],
        |readers| {
            let card = readers.piv(0);
            let desk = Desk::new();
            allow(&desk, PORTAL, &[]);
            succeed(&mut desk.trien(["token", "list"]));
            let daemon = Daemon::start(&desk, "");
            let mut page = Page::over_socket(&daemon);
            std::thread::sleep(Duration::from_secs(1));
            page.hello();
            let noticed = notices();
            std::thread::sleep(Duration::from_millis(200));
            let mut later = Vec::new();
            for _ in 0..rounds(50) {
                for order in ["eject", "insert"] {
                    while noticed.try_recv().is_ok() {}
                    card.order(order);
                    let bare = noticed.recv_timeout(Duration::from_secs(10)).unwrap();
                    page.receive().unwrap();
                    later.push(Instant::now().saturating_duration_since(bare));
                    // Closer ones are one notice.
                    std::thread::sleep(Duration::from_millis(150));
                }
            }
            println!("\n## From the reader's own notice to the event at a granted page\n");
            println!("| | notices | ms | limit | |\n|---|---|---|---|---|");
            let count = [later.len().to_string()];
            row("card in or out", &count, median(&mut later), 10.0);
            // The median has put them in order.
            let worst = later.last().map_or(f64::NAN, |time| time.as_secs_f64() * 1e3);
            row("the latest of them", &count, worst, 100.0);
        },
    );
}

/// What one of the two needed until the certificates were listed.
#[derive(Default)]
struct Listing {
    times: Vec<Duration>,
    apdus: u64,
}

pub(crate) fn measure_certificates() {
    on_readers(&[ReaderPlan::plain(YUBIKEY)], |readers| {
        let card = readers.piv(0);
        println!("\n## From a card put in to its list of certificates, four of them\n");
        println!("| the card | bare, ms | APDUs | ours, ms | APDUs | ratio | limit | |");
        println!("|---|---|---|---|---|---|---|---|");
        for (what, is_new) in [("was there before", false), ("was never seen before", true)] {
            let [mut bare, mut ours] = runtime().block_on(list_by_turns(&readers, &card, is_new));
            let (bare_time, our_time) = (median(&mut bare.times), median(&mut ours.times));
            let values = [
                format!("{bare_time:.3}"),
                bare.apdus.to_string(),
                format!("{our_time:.3}"),
                ours.apdus.to_string(),
            ];
            row(what, &values, our_time / bare_time, 1.2);
        }
        println!(
            "\n## The same from the reader's own notice, the card never seen before, through the daemon to a page\n"
        );
        println!("| until | bare, ms | ms | ratio | limit | |");
        println!("|---|---|---|---|---|---|");
        let [mut bare, mut listed, mut replied] = list_for_a_page(&readers, &card);
        let (bare, listed) = (median(&mut bare), median(&mut listed));
        let values = |time: f64| [format!("{bare:.3}"), format!("{time:.3}")];
        row("the person is asked", &values(listed), listed / bare, 1.2);
        // An answer by a program takes two processes, and the record the disk; the limit is not of them.
        println!(
            "| the reply is there | {bare:.3} | {:.3} | | | |",
            median(&mut replied)
        );
    });
}

/// The moments, from the notice on: when bare APDUs have read the certificates, when a page that asks as soon as it hears
/// of the card is told that the person is asked which of them it may have, and when it has one.
fn list_for_a_page(readers: &Readers, card: &VirtualCard) -> [Vec<Duration>; 3] {
    let desk = Desk::new();
    allow(&desk, PORTAL, &["certificates"]);
    let daemon = Daemon::start(&desk, "[[answer]]\ndecision = \"approve\"\nrepeat = true\n");
    let mut page = Page::over_websocket(&daemon);
    page.hello();
    std::thread::sleep(Duration::from_secs(1));
    let pid = rustix::process::Pid::from_raw(daemon.pid().try_into().unwrap()).unwrap();
    let pause = |signal| rustix::process::kill_process(pid, signal).unwrap();
    let noticed = notices();
    let mut times = [const { Vec::new() }; 3];
    for round in 0..rounds(30) {
        for turn in [round % 2, (round + 1) % 2] {
            std::thread::sleep(Duration::from_millis(150));
            become_another(readers);
            card.eject();
            wait_until_empty(YUBIKEY);
            // What the page hears of that is not what it waits for below.
            std::thread::sleep(Duration::from_millis(300));
            page.call("cancel", &serde_json::json!({ "request": 0 }));
            while noticed.try_recv().is_ok() {}
            if turn == 0 {
                // The daemon would read beside.
                pause(rustix::process::Signal::STOP);
                card.insert();
                let began = noticed.recv_timeout(Duration::from_secs(10)).unwrap();
                assert_eq!(read_bare(), 4);
                times[0].push(began.elapsed());
                pause(rustix::process::Signal::CONT);
                continue;
            }
            card.insert();
            let began = noticed.recv_timeout(Duration::from_secs(10)).unwrap();
            let (told, _) = page.receive().unwrap();
            assert_eq!(told["method"], "tokens_changed");
            let id = page.ask("certificates", &serde_json::json!({}));
            loop {
                let (told, _) = page.receive().unwrap();
                if told["params"]["stage"] == "asking" {
                    times[1].push(began.elapsed());
                } else if told["id"] == id {
                    assert!(told["result"].is_object(), "{told}");
                    break;
                }
            }
            times[2].push(began.elapsed());
        }
    }
    times
}

/// Gives the card another number and other certificates, of the same keys, names and lengths.
fn become_another(readers: &Readers) {
    let (issue, usage) = (personalised().join("issue"), readers.path("usage"));
    std::fs::write(&usage, "keyUsage=critical,digitalSignature,nonRepudiation\n").unwrap();
    for slot in ["9a", "9c", "9d", "9e"] {
        let certificate = readers.path(slot);
        let mut issued = Command::new("openssl");
        issued
            .args(["x509", "-new", "-days", "3000", "-subj"])
            .arg(format!("/C=VN/CN=Thẻ thử {slot}/UID=CCCD:079085000123"))
            .arg("-force_pubkey")
            .arg(public_key(slot))
            .arg("-CA")
            .arg(issue.join("ca.pem"))
            .arg("-CAkey")
            .arg(issue.join("ca.key"));
        succeed(issued.arg("-extfile").arg(&usage).arg("-out").arg(&certificate));
        let words = ["-r", "YubiKey", "-s", slot, "-a", "import-certificate", "-i"];
        readers.run(
            "yubico-piv-tool",
            &[&words[..], &[certificate.to_str().unwrap()]].concat(),
        );
    }
    readers.run("yubico-piv-tool", &["-r", "YubiKey", "-a", "set-chuid"]);
}

/// By bare APDUs, and as the daemon does it for a page: what is at hand is what a page's person chooses from. A card that
/// `is_new` is another one each time.
async fn list_by_turns(readers: &Readers, card: &VirtualCard, is_new: bool) -> [Listing; 2] {
    let modules = modules();
    token_in_time(&modules).await.certificates().await.unwrap();
    let mut listings = [Listing::default(), Listing::default()];
    for round in 0..rounds(30) {
        // By turns who is first.
        for turn in [round % 2, (round + 1) % 2] {
            // After a look our driver keeps a card for a moment; neither is measured beside that.
            tokio::time::sleep(Duration::from_millis(150)).await;
            if is_new {
                become_another(readers);
            }
            card.eject();
            wait_until_empty(YUBIKEY);
            card.insert();
            wait_for_card();
            card.order("reset-stats");
            let began = Instant::now();
            let count = match turn {
                0 => read_bare(),
                _ => read_by_ours(&modules).await,
            };
            listings[turn].times.push(began.elapsed());
            assert_eq!(count, 4);
            listings[turn].apdus = listings[turn].apdus.max(card.stats().apdus);
        }
    }
    listings
}

async fn read_by_ours(modules: &Modules) -> usize {
    loop {
        if let [token] = &TokenSource::glance(modules).await.tokens[..] {
            return token.certificates_at_hand().await.unwrap().certificates.len();
        }
    }
}

fn wait_for_card() {
    let context = Context::establish(Scope::User).unwrap();
    let mut states = [ReaderState::new(reader(), State::EMPTY)];
    while !states[0].event_state().contains(State::PRESENT) {
        context
            .get_status_change(Duration::from_secs(10), &mut states)
            .unwrap();
        states[0].sync_current_state();
    }
}

/// Connects, selects the application and reads the certificates of the four slots; gives how many there are.
fn read_bare() -> usize {
    let context = Context::establish(Scope::User).unwrap();
    let card = context
        .connect(&reader(), ShareMode::Shared, Protocols::ANY)
        .unwrap();
    exchange(&card, &[0, 0xa4, 4, 0, 9, 0xa0, 0, 0, 3, 8, 0, 0, 0x10, 0, 0]);
    let objects = [0x05, 0x0a, 0x0b, 0x01];
    let read = |object: &u8| {
        let answer = exchange(&card, &[0, 0xcb, 0x3f, 0xff, 5, 0x5c, 3, 0x5f, 0xc1, *object, 0]);
        answer.len() > 500
    };
    let count = objects.iter().filter(|object| read(object)).count();
    let left = card.disconnect(Disposition::LeaveCard);
    left.map_err(|(_, error)| error).unwrap();
    count
}

/// One command, with GET RESPONSE for as long as the card has more.
fn exchange(card: &Card, command: &[u8]) -> Vec<u8> {
    let (mut whole, mut buffer) = (Vec::new(), [0; 300]);
    let mut answer = card.transmit(command, &mut buffer).unwrap().to_vec();
    loop {
        let (data, status) = answer.split_at(answer.len() - 2);
        whole.extend_from_slice(data);
        match status {
            [0x61, more] => {
                answer = card
                    .transmit(&[0, 0xc0, 0, 0, *more], &mut buffer)
                    .unwrap()
                    .to_vec();
            }
            _ => return whole,
        }
    }
}
