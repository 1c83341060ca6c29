//! A PDF of the largest size, signed, checked, searched and raised by the shell.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::office::Office;
use crate::support::{Desk, repository, succeed};
use crate::{LARGEST, MORE_FOR_PDF, peak, ran};

/// A PDF of 500 pages with a picture each, and of exactly so many bytes.
pub(crate) fn write_pdf(path: &Path, size: usize) {
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

pub(crate) fn judged(desk: &Desk, signed: &Path, original: &Path) {
    let says = verdicts(desk, signed, original);
    for name in ["pyhanko", "pdfsig", "qpdf"] {
        assert_eq!(says(name)["ok"], true, "{:#}", says(name));
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
