//! A document of 200 MiB travels through a daemon that stays small, there and back, over both roads, and is signed on the
//! way; the shell signs and raises as much, and signs more. Memory is what the kernel says was resident at the most.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use support::daemon::{APPROVE, Daemon, PORTAL, Page, allow, child_pids, command, with_files};
use support::office::{Office, Server, free_port};
use support::{Desk, repository, succeed};

/// The most that the daemon's resident memory may grow, in KiB.
const MORE: u64 = 64 * 1024;

/// The most that signing a large PDF may take above signing a small one, in KiB.
const MORE_FOR_PDF: u64 = 16 * 1024;

/// The same for a content that is only hashed, in KiB.
const MORE_FOR_CMS: u64 = 8 * 1024;

/// The most that any document may take, in KiB.
const MOST: u64 = 512 * 1024;

/// The most that any document may take of a processor; of the clock it may be more, beside other tests.
const LONGEST: Duration = Duration::from_secs(10);

/// The largest document, in bytes.
const LARGEST: usize = 200 << 20;

fn resident(pid: u32, field: &str) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}

/// The processor time of a program so far.
fn worked(pid: u32) -> Option<Duration> {
    let line = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // Fields 14 and 15 of proc(5), counted behind the name, in hundredths of a second.
    let fields: Vec<&str> = line.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks: u64 = fields
        .get(11..13)?
        .iter()
        .map(|field| field.parse().unwrap_or(0))
        .sum();
    Some(Duration::from_millis(ticks * 10))
}

/// What a program had resident at the most, in KiB; it has to succeed.
fn peak(command: &mut Command) -> u64 {
    let (peak, _, code, said) = ran(command);
    assert_eq!(code, Some(0), "{said}");
    peak
}

/// What a program had resident at the most, in KiB, its processor time, how it ended, and what it said about errors.
fn ran(command: &mut Command) -> (u64, Duration, Option<i32>, String) {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut peak, mut time) = (0, Duration::ZERO);
    while child.try_wait().unwrap().is_none() {
        peak = peak.max(resident(child.id(), "VmHWM:").unwrap_or(0));
        time = time.max(worked(child.id()).unwrap_or_default());
        std::thread::sleep(Duration::from_millis(1));
    }
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(peak > 0);
    (peak, time, child.wait().unwrap().code(), said)
}

/// A PDF of 500 pages with a picture each, and of exactly so many bytes.
fn write_pdf(path: &Path, size: usize) {
    const PAGES: usize = 500;
    let mut file = BufWriter::new(File::create(path).unwrap());
    let mut at = 0;
    let mut offsets = Vec::new();
    let mut put = |bytes: &[u8], begins: bool| {
        if begins {
            offsets.push(at);
        }
        file.write_all(bytes).unwrap();
        at += bytes.len();
        at
    };
    put(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", false);
    put(b"1 0 obj\n<< /Type /Catalog /Pages 2 0 R >>\nendobj\n", true);
    let kids: Vec<String> = (0..PAGES).map(|page| format!("{} 0 R", 3 + 3 * page)).collect();
    let pages = format!(
        "2 0 obj\n<< /Type /Pages /Count {PAGES} /Kids [{}] >>\nendobj\n",
        kids.join(" ")
    );
    put(pages.as_bytes(), true);
    let height = size / PAGES / 640 - 3;
    let row: Vec<u8> = (0..640_u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    for page in 0..PAGES {
        let (own, drawing, picture) = (3 + 3 * page, 4 + 3 * page, 5 + 3 * page);
        let dictionary = format!(
            "{own} 0 obj\n<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents {drawing} 0 R /Resources << \
             /XObject << /P {picture} 0 R >> >> >>\nendobj\n"
        );
        put(dictionary.as_bytes(), true);
        let content = "q 500 0 0 700 40 70 cm /P Do Q";
        let stream = format!(
            "{drawing} 0 obj\n<< /Length {} >>\nstream\n{content}\nendstream\nendobj\n",
            content.len()
        );
        put(stream.as_bytes(), true);
        let head = format!(
            "{picture} 0 obj\n<< /Type /XObject /Subtype /Image /Width 640 /Height {height} /ColorSpace /DeviceGray \
             /BitsPerComponent 8 /Length {} >>\nstream\n",
            640 * height
        );
        put(head.as_bytes(), true);
        for line in 0..height {
            let turn = (line + page) % 640;
            put(&row[turn..], false);
            put(&row[..turn], false);
        }
        put(b"\nendstream\nendobj\n", false);
    }
    // A stream that nobody refers to fills it up.
    let last = 3 + 3 * PAGES;
    let table = |offsets: &[usize], start: usize| {
        let mut table = format!("xref\n0 {}\n0000000000 65535 f \n", last + 1);
        for offset in offsets {
            table += &format!("{offset:010} 00000 n \n");
        }
        table
            + &format!(
                "trailer\n<< /Size {} /Root 1 0 R >>\nstartxref\n{start:09}\n%%EOF\n",
                last + 1
            )
    };
    let begin = put(b"", true);
    let behind = "\nendstream\nendobj\n";
    let tail = table(&vec![0; last], 0).len() + behind.len();
    let head = |length: usize| format!("{last} 0 obj\n<< /Length {length:09} >>\nstream\n");
    let filling = size - begin - tail - head(0).len();
    put(head(filling).as_bytes(), false);
    put(&vec![b' '; filling], false);
    let start = put(behind.as_bytes(), false);
    let end = table(&offsets, start);
    file.write_all(end.as_bytes()).unwrap();
    file.into_inner().unwrap().sync_all().unwrap();
    assert_eq!(std::fs::metadata(path).unwrap().len(), size as u64);
}

/// The same with a place for a signature on page 400, named in Vietnamese by a font with a table of its letters: an update
/// that takes the page anew, and what is written there out of a packed stream.
const NAMED: &str = r#"
import sys, zlib
path, = sys.argv[1:]
words = "Nơi ký của Chủ tịch"
with open(path, "rb") as document:
    document.seek(-40, 2)
    before = int(document.read().split(b"startxref")[1].split()[0])
    end = document.seek(0, 2)
    document.seek(before)
    last = int(document.readlines(30)[1].split()[1])
codes = {letter: code for code, letter in enumerate(sorted(set(words)), 1)}
text = b"BT /F 14 Tf 300 200 Td <%b> Tj ET" % bytes(codes[letter] for letter in words).hex().encode()
pairs = b"\n".join(b"<%02X> <%04X>" % (code, ord(letter)) for letter, code in codes.items())
cmap = b"1 begincodespacerange\n<00> <FF>\nendcodespacerange\n%d beginbfchar\n%b\nendbfchar\n" % (len(codes), pairs)
def stream(data):
    packed = zlib.compress(data)
    return b"<< /Filter /FlateDecode /Length %d >>\nstream\n%b\nendstream" % (len(packed), packed)
page, drawing, picture = (3 * 399 + first for first in (3, 4, 5))
objects = {
    page: b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents [%d 0 R %d 0 R] /Resources << /XObject << /P %d 0 R >>"
          b" /Font << /F %d 0 R >> >> >>" % (drawing, last, picture, last + 1),
    last: stream(text),
    last + 1: b"<< /Type /Font /Subtype /TrueType /BaseFont /Times /FirstChar 1 /LastChar %d /Widths [%b] /ToUnicode %d 0 R >>"
              % (len(codes), b" ".join([b"500"] * len(codes)), last + 2),
    last + 2: stream(cmap),
}
table, out = b"xref\n", b""
for number, body in sorted(objects.items()):
    table += b"%d 1\n%010d 00000 n \n" % (number, end + len(out))
    out += b"%d 0 obj\n%b\nendobj\n" % (number, body)
out += table + b"trailer\n<< /Size %d /Root 1 0 R /Prev %d >>\nstartxref\n%d\n%%%%EOF\n" % (last + 3, before, end + len(out))
with open(path, "ab") as document:
    document.write(out)
"#;

/// What pdfsig, pyHanko and qpdf say, each under its name.
fn verdicts(desk: &Desk, signed: &Path, original: &Path) -> impl Fn(&str) -> Value {
    let mut judge = Command::new(repository().join("target/judges/bin/python"));
    judge
        .arg(repository().join("daemon/tests/judges/judge.py"))
        .arg("pdf")
        .arg(signed)
        .arg("--original")
        .arg(original)
        .arg("--trust")
        .arg(desk.pki().join("root.pem"))
        .arg("--other")
        .arg(desk.pki().join("ca.pem"));
    let output = judge.output().unwrap();
    let verdict: Value = serde_json::from_slice(&output.stdout).unwrap();
    move |name| {
        let judges = verdict["judges"].as_array().unwrap();
        judges
            .iter()
            .find(|judge| judge["judge"] == name)
            .unwrap()
            .clone()
    }
}

fn judged(desk: &Desk, signed: &Path, original: &Path) {
    let says = verdicts(desk, signed, original);
    for name in ["pyhanko", "pdfsig", "qpdf"] {
        assert_eq!(says(name)["ok"], true, "{:#}", says(name));
    }
}

#[test]
fn a_large_document_lies_on_the_disk() {
    let desk = Desk::with_keys(&[("k", "ec:p256", "citizen")]);
    allow(&desk, PORTAL, &[]);
    let script = "[[answer]]\ndecision = \"approve\"\nrepeat = true\npins = [\"24681357\"]\n";
    let daemon = Daemon::start(&desk, script);
    for (size, by_websocket) in [(LARGEST, true), (48 << 20, false)] {
        let original = desk.path("lớn.pdf");
        write_pdf(&original, size);
        let mut page = match by_websocket {
            true => Page::over_websocket(&daemon),
            false => Page::over_socket(&daemon),
        };
        page.hello();
        let idle = resident(daemon.pid(), "VmRSS:").unwrap();
        let bytes = std::fs::read(&original).unwrap();
        let document = page.upload("lớn.pdf", &bytes);
        let back = page.download(document["sha256"].as_str().unwrap(), bytes.len() as u64);
        assert!(back == bytes);
        drop(back);
        for format in ["pades", "cades_attached", "cades_detached"] {
            let call = json!({ "documents": [document], "format": format });
            let signed = page.call("sign_documents", &call);
            let result = &signed["result"]["documents"][0];
            assert_eq!(result["status"], "signed", "{signed}");
            if format == "pades" {
                let length = result["size"].as_u64().unwrap();
                let signed = page.download(result["sha256"].as_str().unwrap(), length);
                assert!(signed.starts_with(&bytes));
                if size < LARGEST {
                    let path = desk.path("signed.pdf");
                    std::fs::write(&path, signed).unwrap();
                    judged(&desk, &path, &original);
                }
            }
            // The results of one connection have to fit beside the document.
            if size == LARGEST {
                break;
            }
        }
        let peak = resident(daemon.pid(), "VmHWM:").unwrap();
        println!("{size} bytes: {idle} KiB when idle, {peak} KiB at the most");
        assert!(peak < idle + MORE, "{idle} KiB, then {peak} KiB");
        let spool = desk.home().join("cache/spool");
        assert_eq!(
            std::fs::read_dir(spool).unwrap().count(),
            0,
            "it has no name there"
        );
    }
}

#[test]
fn a_batch_larger_than_memory_is_signed_after_its_manifest_was_sent() {
    let desk = Desk::with_keys(&[("k", "ec:p256", "citizen")]);
    allow(&desk, PORTAL, &["sign", "batch"]);
    let script = "[[answer]]\ndecision = \"approve\"\npins = [\"24681357\"]\n";
    let daemon = Daemon::start(&desk, script);
    let mut page = Page::over_websocket(&daemon);
    page.hello();
    let idle = resident(daemon.pid(), "VmRSS:").unwrap();
    // As many as a request may name; all of them are small enough for memory, and together are not.
    let bytes = |n: u16| n.to_le_bytes().repeat(1 << 19);
    let documents: Vec<Value> = (0..500)
        .map(|n| {
            let (name, bytes) = (format!("{n}.bin"), bytes(n));
            json!({ "name": name, "sha256": hex::encode(Sha256::digest(&bytes)), "size": bytes.len() })
        })
        .collect();
    let call = json!({ "documents": documents, "format": "cades_attached" });
    let asked = page.ask("sign_documents", &call);
    for n in 0..500 {
        page.upload(&format!("{n}.bin"), &bytes(n));
    }
    let reply = page.reply(asked);
    let signed = reply["result"]["documents"].as_array().unwrap();
    assert!(signed.iter().all(|one| one["status"] == "signed"), "{reply}");
    let last = &signed[499];
    let container = page.download(last["sha256"].as_str().unwrap(), last["size"].as_u64().unwrap());
    assert!(container.windows(1 << 20).any(|window| window == bytes(499)));
    let peak = resident(daemon.pid(), "VmHWM:").unwrap();
    println!("500 MiB in 500 documents: {idle} KiB when idle, {peak} KiB at the most");
    assert!(peak < idle + MORE, "{idle} KiB, then {peak} KiB");
}

/// A daemon whose person says yes, with such a limit of open files.
fn with_limit(desk: &Desk, limit: &str) -> Daemon {
    let script = desk.path("script.toml");
    std::fs::write(&script, APPROVE).unwrap();
    Daemon::run(desk, &mut with_files(limit, &command(desk, &script)))
}

/// The soft limit of open files of a process.
fn may_open(pid: u32) -> u64 {
    let limits = std::fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max open files"))
        .unwrap();
    line.split_whitespace().nth(3).unwrap().parse().unwrap()
}

/// What was signed first makes way on a connection that stays open; what a request names, and its results, do not. A
/// session's usual limit of open files is no limit.
#[test]
fn a_page_that_stays_open_signs_one_batch_after_another() {
    let desk = Desk::with_keys(&[("k", "ec:p256", "citizen")]);
    allow(&desk, PORTAL, &["sign", "batch"]);
    let daemon = with_limit(&desk, "-Sn 1024");
    let mut page = Page::over_websocket(&daemon);
    page.hello();
    for (round, count, format) in [
        (0, 500, "cades_attached"),
        (1, 500, "cades_attached"),
        (2, 500, "xades_enveloped"),
        (3, 1, "cades_attached"),
    ] {
        let content = |n: usize| match format {
            "xades_enveloped" => format!("<r n=\"{round}\">{n}</r>"),
            _ => format!("{round} {n}"),
        };
        let documents: Vec<Value> = (0..count)
            .map(|n| page.upload(&format!("{n}.txt"), content(n).as_bytes()))
            .collect();
        let call = json!({
            "documents": documents,
            "format": format,
            "idempotency_key": format!("0123456789abcdef-{round}"),
        });
        let reply = page.call("sign_documents", &call);
        let signed = reply["result"]["documents"].as_array().unwrap();
        assert_eq!(signed.len(), count, "{round}: {reply}");
        for one in [&signed[0], &signed[count - 1]] {
            let container = page.download(one["sha256"].as_str().unwrap(), one["size"].as_u64().unwrap());
            assert!(container.len() > 500, "{round}: {one}");
        }
    }
    // A driver may call select(2), which knows no descriptor past the usual ones.
    let workers = child_pids(daemon.pid(), "module-worker");
    assert!(!workers.is_empty() && may_open(daemon.pid()) > 1024);
    for worker in workers {
        assert_eq!(may_open(worker), 1024);
    }
}

/// Where the limit cannot be raised, too many documents are refused, before anybody is asked: other origins are served as
/// before, and permissions are read.
#[test]
fn one_origins_documents_leave_open_files_for_others() {
    const OTHER: &str = "https://cong.example.gov.vn";
    let desk = Desk::with_keys(&[("k", "ec:p256", "citizen")]);
    allow(&desk, PORTAL, &["sign", "batch"]);
    let daemon = with_limit(&desk, "-n 1024");
    allow(&desk, OTHER, &["sign"]);
    let [mut one, mut another] = [(); 2].map(|()| Page::connected(&daemon));
    let documents: Vec<Value> = (0..900)
        .map(|n| one.upload("x", format!("{n}").as_bytes()))
        .collect();
    let piece = |bytes: &[u8]| {
        let sha256 = hex::encode(Sha256::digest(bytes));
        json!({ "sha256": sha256, "size": bytes.len(), "offset": 0, "data": STANDARD.encode(bytes) })
    };
    assert_eq!(another.refusal("upload", &piece(b"one too many")), "too_large");
    // Those that came first made way; the results of these have no room, which is known before anybody is asked.
    let call = json!({ "documents": documents[400..], "format": "cades_attached" });
    assert_eq!(one.refusal("sign_documents", &call), "too_large");
    // What is permitted is read anew.
    allow(&desk, "https://new.example.gov.vn", &["sign"]);
    let mut other = Page::websocket_from(&daemon, OTHER).unwrap();
    other.hello();
    let document = other.upload("x", b"another origin's");
    let call = json!({ "documents": [document], "format": "cades_attached" });
    let reply = other.call("sign_documents", &call);
    assert_eq!(reply["result"]["documents"][0]["status"], "signed", "{reply}");
    let open = std::fs::read_dir(format!("/proc/{}/fd", daemon.pid()))
        .unwrap()
        .count();
    assert!(open < 1024 - 64, "{open}");
    assert!(!daemon.log().contains("Too many open files"));
}

/// A file of the largest size: what it begins with, this over and over, and what it ends with.
fn write_many(path: &Path, begin: &str, many: &str, end: &str) {
    let count = (LARGEST - begin.len() - end.len()) / many.len();
    let mut file = BufWriter::new(File::create(path).unwrap());
    file.write_all(begin.as_bytes()).unwrap();
    let thousand = many.repeat(1000);
    for _ in 0..count / 1000 {
        file.write_all(thousand.as_bytes()).unwrap();
    }
    file.write_all(end.as_bytes()).unwrap();
    file.flush().unwrap();
}

#[test]
fn n124_n141_n142_many_small_values_take_no_more_memory_than_is_allowed() {
    let desk = Desk::new();
    let file = desk.path("many");
    let escaped = r"\/".repeat(500);
    for (what, begin, many, end) in [
        ("elements of XML", "<a>", "<a/>", "</a>"),
        ("one text of XML", "<a>", "x", "</a>"),
        ("numbers of JSON", r#"{"signature":"","x":[0"#, ",0", "]}"),
        ("objects of JSON", r#"{"signature":"","x":[0"#, r#",{"":0}"#, "]}"),
        (
            "names of JSON",
            r#"{"signature":"","signatures":[{"#,
            r#""a":[[]],"#,
            r#""b":0}]}"#,
        ),
        (
            "one string of JSON",
            r#"{"signature":"","protected":""#,
            "AAAA",
            r#""}"#,
        ),
        (
            "one payload of JSON",
            r#"{"signature":"","protected":"e30","payload":""#,
            "AAAA",
            r#""}"#,
        ),
        ("escapes of JSON", r#"{"signature":"","x":""#, &escaped, r#""}"#),
        (
            "unsigned parts of JSON",
            r#"{"signature":"","protected":"","header":{"etsiU":[""#,
            "AAAA",
            r#""]}}"#,
        ),
        ("a compact signature", "eyJ", "AAAA", ".."),
    ] {
        write_many(&file, begin, many, end);
        let (peak, time, code, said) = ran(desk.trien(["verify"]).arg(&file));
        println!("{what}: {peak} KiB, {time:?}");
        assert!(peak <= MOST && time <= LONGEST, "{what}: {peak} KiB, {time:?}");
        assert!(matches!(code, Some(1 | 3)), "{what}: {code:?} {said}");
    }
}

/// Made by Python: what is packed is somebody else's packing, and what is large is written at once.
const BOMBS: &str = r#"
import io, sys, zipfile, zlib
kind, target = sys.argv[1:]
LARGEST = 200 << 20
many = lambda octets, size=LARGEST: octets * (size // len(octets))
some = lambda octets: many(octets, 64 << 20)

def packed(octets):
    """300 MiB of an octet: each full flush begins anew, so that one block may stand for all. Nobody gets to the end."""
    packer = zlib.compressobj()
    first, block = (packer.compress(octets * (1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH) for _ in range(2))
    return first + 299 * block

def stream(entries, data):
    return b"<< %b /Filter /FlateDecode /Length %d >>\nstream\n%b\nendstream" % (entries, len(data), data)

def pdf(fields, content=b""):
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R /AcroForm << /Fields [%b] >> >>" % fields,
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Contents 4 0 R >>",
        stream(b"", content),
    ]
    out, rows = bytearray(b"%PDF-1.7\n"), b"0000000000 65535 f \n"
    for number, body in enumerate(objects, 1):
        rows += b"%010d 00000 n \n" % len(out)
        out += b"%d 0 obj\n%b\nendobj\n" % (number, body)
    tail = b"xref\n0 5\n%btrailer\n<< /Size 5 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (rows, len(out))
    return [bytes(out), tail]

def by_streams(objects, table=None):
    """The catalog is in an object stream, and the table is one too."""
    out = bytearray(b"%PDF-1.7\n")
    first = len(out)
    out += b"1 0 obj\n%b\nendobj\n" % stream(b"/Type /ObjStm /N 1 /First 4", objects)
    start = len(out)
    row = lambda kind, field: bytes([kind]) + field.to_bytes(4, "big") + b"\0"
    rows = table or zlib.compress(row(0, 0) + row(1, first) + row(2, 1) + row(1, start))
    out += b"3 0 obj\n%b\nendobj\n" % stream(b"/Type /XRef /Size 4 /W [1 4 1] /Root 2 0 R", rows)
    return [bytes(out), b"startxref\n%d\n%%%%EOF\n" % start]

def signed_data(content=b"", certificates=b"", signers=b""):
    oid = lambda last: b"\6\x09\x2a\x86\x48\x86\xf7\x0d\1\7" + last
    end = b"\0\0"
    return [
        b"\x30\x80" + oid(b"\2") + b"\xa0\x80\x30\x80\2\1\1\x31\x80" + end + b"\x30\x80" + oid(b"\1") + b"\xa0\x80\x24\x80", content,
        end * 3 + b"\xa0\x80", certificates,
        end + b"\x31\x80", signers, end * 5,
    ]

def container(files, method=zipfile.ZIP_STORED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method, compresslevel=1) as made:
        made.writestr("mimetype", "application/vnd.etsi.asic-e+zip", zipfile.ZIP_STORED)
        for name, octets in files:
            made.writestr(name, octets)
    return [out.getvalue()]

zeros = bytes(32 << 20)
for piece in {
    "table of PDF": lambda: by_streams(zlib.compress(b"2 0 << >>"), packed(b"\0")),
    "objects of PDF": lambda: by_streams(packed(b" ")),
    "page of PDF": lambda: pdf(b"", packed(b" ")),
    "fields of PDF": lambda: pdf(some(b"9 0 R ")),
    "dictionaries of PDF": lambda: pdf(some(b"<</A()>>")),
    "rows of PDF": lambda: [b"%PDF-1.7\nxref\n0 9999999\n", many(b"0000000000 65535 f \n"), b"startxref\n9\n%%EOF\n"],
    "entry of ZIP": lambda: container([("zeros", zeros * 10)], zipfile.ZIP_DEFLATED),
    "entries of ZIP": lambda: container(((str(number), zeros) for number in range(10)), zipfile.ZIP_DEFLATED),
    "XML in ZIP": lambda: container([("a", b"x"), ("META-INF/signatures.xml", b"<a>" + some(b"<a/>") + b"</a>")]),
    "depth of CMS": lambda: [many(b"\x30\x80")],
    "segments of CMS": lambda: signed_data(content=many(b"\4\1a")),
    "certificates of CMS": lambda: signed_data(certificates=many(b"\x30\0")),
    "signers of CMS": lambda: signed_data(signers=many(b"\x30\0")),
    "a text of a gibibyte": lambda: [b"<a>"],
}[kind]():
    open(target, "ab").write(piece)
"#;

#[test]
fn n124_n142_n143_n144_n151_bombs_take_no_more_memory_than_is_allowed() {
    let desk = Desk::new();
    let file = desk.path("bomb");
    for what in [
        "table of PDF",
        "objects of PDF",
        "page of PDF",
        "fields of PDF",
        "dictionaries of PDF",
        "rows of PDF",
        "entry of ZIP",
        "entries of ZIP",
        "XML in ZIP",
        "depth of CMS",
        "segments of CMS",
        "certificates of CMS",
        "signers of CMS",
        "a text of a gibibyte",
    ] {
        let _old = std::fs::remove_file(&file);
        succeed(Command::new("python3").args(["-c", BOMBS, what]).arg(&file));
        if what == "a text of a gibibyte" {
            // Its length is known before any of it is read.
            let begun = File::options().write(true).open(&file).unwrap();
            begun.set_len(1 << 30).unwrap();
        }
        let (peak, time, code, said) = ran(desk.trien(["verify"]).arg(&file));
        println!("{what}: {peak} KiB, {time:?}");
        assert!(peak <= MOST && time <= LONGEST, "{what}: {peak} KiB, {time:?}");
        assert!(matches!(code, Some(1 | 3)), "{what}: {code:?} {said}");
    }
}

#[test]
fn the_shell_signs_a_pdf_of_the_largest_size_in_little_memory() {
    let desk = Desk::with_keys(&[("k", "rsa:2048", "citizen")]);
    let (small, large) = (
        repository().join("testdata/documents/dossier.pdf"),
        desk.path("large.pdf"),
    );
    write_pdf(&large, LARGEST);
    let sign = |input: &Path, output: &str| {
        let mut sign = desk.trien(["sign", "--reason", "Phê duyệt", "--out"]);
        sign.arg(desk.path(output)).arg(input).args(desk.pin());
        peak(&mut sign)
    };
    let (usual, most) = (sign(&small, "small.pdf"), sign(&large, "signed.pdf"));
    println!("signing: {usual} KiB for a small document, {most} KiB for a large one");
    assert!(most < usual + MORE_FOR_PDF, "{usual} KiB, then {most} KiB");
    let verify = |input: &str| peak(desk.trien(["verify"]).arg(desk.path(input)));
    let (usual, most) = (verify("small.pdf"), verify("signed.pdf"));
    println!("checking: {usual} KiB for a small document, {most} KiB for a large one");
    assert!(most < usual + MORE_FOR_PDF, "{usual} KiB, then {most} KiB");
    judged(&desk, &desk.path("signed.pdf"), &large);
}

#[test]
fn a_keyword_on_page_400_of_a_pdf_of_the_largest_size_is_found_in_little_memory() {
    let desk = Desk::with_keys(&[("k", "rsa:2048", "citizen")]);
    let (small, large) = (
        repository().join("testdata/documents/dossier.pdf"),
        desk.path("large.pdf"),
    );
    write_pdf(&large, LARGEST - (8 << 10));
    succeed(Command::new("python3").args(["-c", NAMED]).arg(&large));
    let sign = |input: &Path, output: &str, keyword: &str| {
        let mut sign = desk.trien(["sign", "--appearance", "plain", "--at-keyword", keyword, "--out"]);
        sign.arg(desk.path(output)).arg(input).args(desk.pin());
        ran(&mut sign)
    };
    let done = |(peak, _, code, said): (u64, Duration, Option<i32>, String)| {
        assert_eq!(code, Some(0), "{said}");
        peak
    };
    let usual = done(sign(&small, "small.pdf", "NGUYỄN VĂN AN"));
    let most = done(sign(&large, "signed.pdf", "Nơi ký của Chủ tịch"));
    println!("by a keyword: {usual} KiB for a small document, {most} KiB for a large one");
    assert!(most < usual + MORE_FOR_PDF, "{usual} KiB, then {most} KiB");
    let signed = desk.path("signed.pdf");
    judged(&desk, &signed, &large);
    // It is on that page, and on no other.
    for (page, shown) in [("399", false), ("400", true), ("401", false)] {
        let mut text = Command::new("pdftotext");
        let text = succeed(text.args(["-f", page, "-l", page]).arg(&signed).arg("-"));
        assert_eq!(text.contains("Nguyễn Văn An"), shown, "{page}: {text}");
    }
    // What is nowhere is looked for on all pages, and costs no more.
    let (most, _, code, said) = sign(&large, "none.pdf", "Nơi ký của ai khác");
    assert!(most < usual + MORE_FOR_PDF, "{usual} KiB, then {most} KiB");
    assert!(code != Some(0) && !desk.path("none.pdf").exists(), "{said}");
}

#[test]
fn the_shell_raises_a_pdf_of_the_largest_size_in_little_memory() {
    let office = Office::new(&[("k", "ec:p256", "citizen")]);
    let (desk, server) = (&office.desk, office.server());
    office.import(&["root.crl", "ca.crl"]);
    let (small, large) = (
        repository().join("testdata/documents/dossier.pdf"),
        desk.path("large.pdf"),
    );
    write_pdf(&large, LARGEST);
    let level = |path: &Path| {
        let report = succeed(desk.trien(["verify", "--json"]).arg(path));
        let report: Value = serde_json::from_str(&report).unwrap();
        report[0]["signatures"][0]["level"].clone()
    };
    let raise = |input: &Path, name: &str| {
        let signed = desk.path(&format!("{name}-b.pdf"));
        succeed(
            desk.trien(["sign", "--out"])
                .arg(&signed)
                .arg(input)
                .args(desk.pin()),
        );
        let raised = desk.path(&format!("{name}-lta.pdf"));
        let mut raise = desk.trien(["augment", "--level", "lta", "--tsa", &server.url("tsa")]);
        let most = peak(raise.arg(&signed).arg("--out").arg(&raised));
        assert_eq!((level(&signed), level(&raised)), (json!("B-B"), json!("B-LTA")));
        (most, raised)
    };
    let ((usual, _), (most, raised)) = (raise(&small, "small"), raise(&large, "large"));
    println!("raising: {usual} KiB for a small document, {most} KiB for a large one");
    assert!(most < usual + MORE_FOR_PDF, "{usual} KiB, then {most} KiB");
    // No signature is the last thing in the file any more; what came after it is what an archive's may be.
    let says = verdicts(desk, &raised, &large);
    let signature = says("pyhanko")["signatures"][0].clone();
    assert_eq!(signature["ok"], true, "{signature:#}");
    assert_eq!(signature["modification"], "LTA_UPDATES");
    assert_eq!(says("qpdf")["ok"], true, "{:#}", says("qpdf"));
}

/// What is held whole: each format at about the largest that it takes, and what is refused before a PIN is spent.
#[test]
fn every_format_signs_the_largest_that_can_be_checked_afterwards() {
    let desk = Desk::with_keys(&[("k", "ec:p256", "citizen")]);
    let (input, out) = (desk.path("large"), desk.path("signed"));
    let wrong = desk.path("wrong");
    std::fs::write(&wrong, "99999999\n").unwrap();
    let sign = |words: &[&str]| {
        let mut sign = desk.trien(["sign", "--force", "--cert", "k", "--format"]);
        sign.args(words).arg("--out").arg(&out).arg(&input);
        sign
    };
    let write = |mebibytes: u64, is_xml: bool| {
        let mut file = File::create(&input).unwrap();
        let size = mebibytes << 20;
        match is_xml {
            true => {
                file.write_all(b"<a>").unwrap();
                std::io::copy(&mut std::io::repeat(b'x').take(size - 7), &mut file).unwrap();
                file.write_all(b"</a>").unwrap();
            }
            // With holes.
            false => file.set_len(size).unwrap(),
        }
    };
    for (words, mebibytes, is_xml) in [
        (&["xades", "--enveloping"][..], 149, false),
        (&["xades", "--enveloping"], 149, true),
        (&["xades", "--detached"], 199, false),
        (&["xades"], 199, true),
        (&["jades"], 149, false),
        (&["jades-json"], 149, false),
        (&["asic-e"], 199, false),
        (&["asic-e-cades"], 199, false),
        (&["asic-s"], 199, false),
        (&["asic-s-cades"], 199, false),
    ] {
        write(mebibytes, is_xml);
        let signing = peak(sign(words).args(desk.pin()));
        let mut verify = desk.trien(["verify"]);
        if words.contains(&"--detached") {
            verify.arg("--content").arg(&input);
        }
        let checking = peak(verify.arg(&out));
        println!("{words:?}: {mebibytes} MiB: signing {signing} KiB, checking {checking} KiB");
        assert!(
            signing <= MOST && checking <= MOST,
            "{words:?}: {signing} KiB, {checking} KiB"
        );
    }
    for (words, mebibytes) in [
        (&["xades", "--enveloping"][..], 151),
        (&["jades"], 151),
        (&["jades-json"], 151),
        (&["asic-e"], 200),
        (&["asic-s-cades"], 200),
    ] {
        write(mebibytes, false);
        let (peak, _, code, said) = ran(sign(words).args(["--lang", "en", "--pin-file"]).arg(&wrong));
        assert!(
            said.contains("larger than is accepted") && code == Some(3),
            "{words:?}: {code:?} {said}"
        );
        assert!(peak <= MOST, "{words:?}: {peak} KiB");
    }
}

/// OpenSSL takes the CMS, about a content beside it or inside.
fn openssl_verifies(desk: &Desk, signed: &Path, content: Option<&PathBuf>) {
    let mut openssl = Command::new("openssl");
    openssl
        .args([
            "cms", "-verify", "-cades", "-binary", "-inform", "DER", "-purpose", "any", "-in",
        ])
        .arg(signed)
        .arg("-CAfile")
        .arg(desk.pki().join("root.pem"))
        .args(["-out", "/dev/null"]);
    if let Some(content) = content {
        openssl.arg("-content").arg(content);
    }
    succeed(&mut openssl);
}

#[test]
fn the_shell_signs_checks_and_raises_a_gibibyte_in_little_memory() {
    let office = Office::new(&[("k", "ec:p256", "citizen")]);
    let (desk, server) = (&office.desk, office.server());
    office.import(&["root.crl", "ca.crl"]);
    let small = desk.path("small.bin");
    std::fs::write(&small, "small").unwrap();
    // The attached one is written as a whole, holes and all.
    for (detached, name, mebibytes) in [(true, "p7s", 1024), (false, "p7m", 1024)] {
        let large = desk.path(&format!("{name}.bin"));
        // A file with holes: all of it is read, little is on the disk.
        let mut file = File::create(&large).unwrap();
        file.set_len((mebibytes << 20) + 12_345).unwrap();
        file.write_all(b"large").unwrap();
        drop(file);
        let sign = |input: &Path, output: &str| {
            let mut sign = desk.trien(["sign", "--format", "cades"]);
            sign.args(detached.then_some("--detached"))
                .arg("--out")
                .arg(desk.path(output))
                .arg(input)
                .args(desk.pin());
            peak(&mut sign)
        };
        let signed = format!("large.{name}");
        let (usual, most) = (sign(&small, "small.cms"), sign(&large, &signed));
        println!("{name}: {usual} KiB for a small content, {most} KiB for {mebibytes} MiB");
        assert!(most < usual + MORE_FOR_CMS, "{usual} KiB, then {most} KiB");
        openssl_verifies(desk, &desk.path(&signed), detached.then_some(&large));
        let beside = |content: &Path| detached.then(|| ["--content".into(), content.as_os_str().to_owned()]);
        let raise = |content: &Path, input: &str, output: &str| {
            let mut raise = desk.trien(["augment", "--level", "lta", "--tsa", &server.url("tsa")]);
            raise.args(beside(content).into_iter().flatten());
            peak(raise.arg("--out").arg(desk.path(output)).arg(desk.path(input)))
        };
        let verify = |content: &Path, input: &str| {
            let mut verify = desk.trien(["verify"]);
            verify.args(beside(content).into_iter().flatten());
            peak(verify.arg(desk.path(input)))
        };
        let raised = format!("raised.{name}");
        let (usual, most) = (
            raise(&small, "small.cms", "small-lta.cms"),
            raise(&large, &signed, &raised),
        );
        println!("{name}: raising {usual} KiB, {most} KiB");
        assert!(
            most < usual + MORE_FOR_CMS,
            "raising: {usual} KiB, then {most} KiB"
        );
        std::fs::remove_file(desk.path(&signed)).unwrap();
        // At once, in one run, it takes no more.
        let at_once = |input: &Path, output: &str| {
            let mut sign = desk.trien(["sign", "--format", "cades", "--level", "lta"]);
            sign.args(detached.then_some("--detached"))
                .args(["--tsa", &server.url("tsa"), "--out"])
                .arg(desk.path(output))
                .arg(input)
                .args(desk.pin());
            peak(&mut sign)
        };
        let direct = format!("direct.{name}");
        let (usual, most) = (at_once(&small, "small-direct.cms"), at_once(&large, &direct));
        println!("{name}: signing up to B-LTA {usual} KiB, {most} KiB");
        assert!(
            most < usual + MORE_FOR_CMS,
            "signing up to B-LTA: {usual} KiB, then {most} KiB"
        );
        let report = succeed(
            desk.trien(["verify", "--json"])
                .args(beside(&large).into_iter().flatten())
                .arg(desk.path(&direct)),
        );
        let report: Value = serde_json::from_str(&report).unwrap();
        assert_eq!(report[0]["signatures"][0]["level"], "B-LTA", "{report:#}");
        std::fs::remove_file(desk.path(&direct)).unwrap();
        let (usual, most) = (verify(&small, "small-lta.cms"), verify(&large, &raised));
        println!("{name}: checking {usual} KiB, {most} KiB");
        assert!(
            most < usual + MORE_FOR_CMS,
            "checking: {usual} KiB, then {most} KiB"
        );
    }
}

/// What waits is raised as it lies, whatever its size.
#[test]
fn what_waits_for_an_authority_is_raised_in_little_memory() {
    let office = Office::new(&[("k", "ec:p256", "citizen")]);
    let desk = &office.desk;
    let [text, zeros, pdf] = ["small.txt", "large.bin", "large.pdf"].map(|name| desk.path(name));
    std::fs::write(&text, "small").unwrap();
    File::create(&zeros).unwrap().set_len(300 << 20).unwrap();
    write_pdf(&pdf, LARGEST);
    let queue = |port: u16, format: &str, input: &Path, output: &str| {
        let tsa = format!("http://127.0.0.1:{port}/tsa");
        let mut sign = desk.trien([
            "sign", "--format", format, "--level", "t", "--queue", "--tsa", &tsa,
        ]);
        sign.arg("--out").arg(desk.path(output)).arg(input);
        sign.args(desk.pin());
        sign
    };
    let level = |signed: &str| {
        let report = succeed(desk.trien(["verify", "--json"]).arg(desk.path(signed)));
        let report: Value = serde_json::from_str(&report).unwrap();
        report[0]["signatures"][0]["level"].clone()
    };
    let raise = |files: &[(&str, &Path, &str)]| {
        let port = free_port();
        for (format, input, output) in files {
            succeed(&mut queue(port, format, input, output));
            assert_eq!(level(output), "B-B", "{output}");
        }
        let _server = Server::start(desk.pki(), port);
        let most = peak(&mut desk.trien(["augment", "--queued"]));
        for (_, _, output) in files {
            assert_eq!(level(output), "B-T", "{output}");
        }
        most
    };
    let dossier = repository().join("testdata/documents/dossier.pdf");
    let usual = raise(&[("cades", &text, "small.p7m"), ("pades", &dossier, "small.pdf")]);
    let most = raise(&[("cades", &zeros, "large.p7m"), ("pades", &pdf, "signed.pdf")]);
    println!("from the queue: {usual} KiB for small files, {most} KiB for large ones");
    assert!(most < usual + MORE_FOR_PDF, "{usual} KiB, then {most} KiB");
    openssl_verifies(desk, &desk.path("large.p7m"), None);
    judged(desk, &desk.path("signed.pdf"), &pdf);
}
