//! Signs and checks documents in this process, with a P-256 key in memory: the measuring program of
//! `make bench-documents`. Prints one JSON object: seconds in all, seconds of the key, peak memory in KiB above what it had
//! before the work.
//!
//!     documents pades|room|visible|xades ROUNDS CERT.pem KEY.der IN… OUT    the INs are held in memory, and each round takes the
//!                                                                     next; `room` keeps place for a time-stamp
//!     documents file                ROUNDS CERT.pem KEY.der IN OUT     IN is read where it lies
//!     documents hash                ROUNDS IN                          SHA-256 of IN, read in pieces
//!     documents verify              ROUNDS ROOT.pem IN…

#![allow(clippy::print_stdout, reason = "its output is the measurement")]

use std::error::Error;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use time::OffsetDateTime;
use trien_signatures::algorithm::{Hash, SignatureAlgorithm, SignatureValue};
use trien_signatures::certificate::Certificate;
use trien_signatures::pades::{
    self, Appearance, Corner, Drawings, Mark, PadesRequest, PageChoice, Picture, Place,
};
use trien_signatures::pdf::Source;
use trien_signatures::signing::Prepared;
use trien_signatures::trust::{Anchors, Reliance};
use trien_signatures::xades::{self, Packaging, XadesRequest};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const ALGORITHM: SignatureAlgorithm = SignatureAlgorithm::Ecdsa(Hash::Sha256);

/// Points of a millimetre.
const MM: f64 = 72.0 / 25.4;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let [what, rounds, rest @ ..] = words.as_slice() else {
        return Err("usage: documents WHAT ROUNDS …".into());
    };
    let rounds: u32 = rounds.parse()?;
    let mut bench = Bench::default();
    match (*what, rest) {
        ("hash", [input]) => bench.run(rounds, |_| hash(input).map(drop))?,
        ("verify", [root, inputs @ ..]) => verify(&mut bench, rounds, root, inputs)?,
        (_, [certificate, key, inputs @ .., output]) if !inputs.is_empty() => {
            let office = Office::open(certificate, key)?;
            let made = office.sign(&mut bench, what, rounds, inputs)?;
            std::fs::write(output, made)?;
        }
        _ => return Err("usage: see the source".into()),
    }
    println!(
        "{{\"seconds\": {:.6}, \"key_seconds\": {:.6}, \"kib\": {}}}",
        bench.whole.as_secs_f64(),
        bench.key.as_secs_f64(),
        bench.kib
    );
    Ok(())
}

#[derive(Default)]
struct Bench {
    whole: Duration,
    key: Duration,
    kib: u64,
}

impl Bench {
    /// Once for nothing, so that both sides are measured warm.
    fn run(&mut self, rounds: u32, mut work: impl FnMut(&mut Duration) -> Result<()>) -> Result<()> {
        let idle = resident("VmRSS:");
        work(&mut Duration::default())?;
        let began = Instant::now();
        for _ in 0..rounds {
            work(&mut self.key)?;
        }
        self.whole = began.elapsed();
        self.kib = resident("VmHWM:").saturating_sub(idle);
        Ok(())
    }
}

fn resident(field: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok())
        .unwrap_or(0)
}

struct Office {
    signer: Certificate,
    key: EcdsaKeyPair,
}

impl Office {
    fn open(certificate: &str, key: &str) -> Result<Self> {
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &std::fs::read(key)?)?;
        Ok(Self {
            signer: Certificate::from_pem(&std::fs::read_to_string(certificate)?)?,
            key,
        })
    }

    /// What the last round made.
    fn sign(&self, bench: &mut Bench, what: &str, rounds: u32, inputs: &[&str]) -> Result<Vec<u8>> {
        let mut made = Vec::new();
        if what == "file" {
            let input = inputs[0];
            let file = Lying(File::open(input)?);
            bench.run(rounds, |key| {
                let request = PadesRequest::new(&self.signer, ALGORITHM, OffsetDateTime::now_utc());
                made = self.finish(pades::prepare_append(&file, None, &request)?, key)?;
                Ok(())
            })?;
            return Ok([std::fs::read(input)?, made].concat());
        }
        let mut documents = inputs.iter().map(std::fs::read).collect::<io::Result<Vec<_>>>()?;
        let looks = (0..documents.len()).map(seal).collect::<Result<Vec<_>>>()?;
        let drawings = Drawings::default();
        let mut turn = (0..documents.len()).cycle();
        bench.run(rounds, |key| {
            let now = OffsetDateTime::now_utc();
            let place = turn.next().ok_or("no document")?;
            // A document that is signed once is handed over, as whoever signs one does; what was made before is let go of.
            let content = match rounds {
                0 => std::mem::take(&mut documents[place]),
                _ => documents[place].clone(),
            };
            let appearance = &looks[place];
            made.clear();
            made.shrink_to_fit();
            made = match what {
                "xades" => {
                    let request = XadesRequest {
                        signer: &self.signer,
                        chain: &[],
                        algorithm: ALGORITHM,
                        signing_time: now,
                    };
                    self.finish(xades::prepare(Packaging::Enveloped(content), &request)?, key)?
                }
                _ => {
                    let request = PadesRequest {
                        appearance: (what == "visible").then_some(appearance),
                        drawings: Some(&drawings),
                        extra_room: if what == "room" { pades::TIME_STAMP_ROOM } else { 0 },
                        ..PadesRequest::new(&self.signer, ALGORITHM, now)
                    };
                    self.finish(pades::prepare(content, &request)?, key)?
                }
            };
            Ok(())
        })?;
        Ok(made)
    }

    fn finish(&self, prepared: impl Prepared, key: &mut Duration) -> Result<Vec<u8>> {
        let began = Instant::now();
        let signature = self.key.sign(&SystemRandom::new(), prepared.to_be_signed())?;
        *key += began.elapsed();
        let value = SignatureValue::from_token(ALGORITHM, signature.as_ref())?;
        Ok(prepared.finish(value)?)
    }
}

/// A seal, Vietnamese text with a time, and a QR code with an address, both of this document alone.
fn seal(number: usize) -> Result<Appearance> {
    let mark = Mark::Picture(Picture::from_png(&ring()?)?);
    let place = Place::Corner {
        page: PageChoice::Number(1),
        corner: Corner::TopRight,
        size: [90.0 * MM, 36.0 * MM],
        margin: [10.0 * MM, 10.0 * MM],
    };
    let lines = vec![
        "Ký bởi: Nguyễn Thị Hằng".to_owned(),
        "Ủy ban nhân dân phường Cầu Giấy".to_owned(),
        format!(
            "Ngày ký: 2026-11-29T08:{:02}:{:02}+07:00",
            number / 60 % 60,
            number % 60
        ),
    ];
    Ok(Appearance {
        mark,
        code: Some(format!(
            "https://tracuu.example.vn/van-ban/{number}-QD-UBND?ma=9f31c2"
        )),
        ..Appearance::plain(place, lines)
    })
}

/// A red ring on nothing, as a seal is: PNG with transparency.
fn ring() -> Result<Vec<u8>> {
    const SIDE: u32 = 300;
    let mut pixels = Vec::new();
    for (y, x) in (0..SIDE).flat_map(|y| (0..SIDE).map(move |x| (y, x))) {
        let (x, y) = (x.abs_diff(SIDE / 2), y.abs_diff(SIDE / 2));
        let is_red = (120 * 120..145 * 145).contains(&(x * x + y * y));
        pixels.extend_from_slice(&[200, 16, 16, if is_red { 255 } else { 0 }]);
    }
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, SIDE, SIDE);
    encoder.set_color(png::ColorType::Rgba);
    encoder.write_header()?.write_image_data(&pixels)?;
    Ok(file)
}

/// A file that nobody changes meanwhile.
struct Lying(File);

impl Source for Lying {
    fn size(&self) -> u64 {
        self.0.metadata().map_or(0, |about| about.len())
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.0.read_exact_at(buffer, offset)
    }
}

fn hash(input: &str) -> Result<Vec<u8>> {
    let (mut file, mut hasher, mut piece) = (File::open(input)?, Hash::Sha256.hasher(), vec![0; 1 << 16]);
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(hasher.finalize()),
            read => hasher.update(&piece[..read]),
        }
    }
}

fn verify(bench: &mut Bench, rounds: u32, root: &str, inputs: &[&str]) -> Result<()> {
    let mut anchors = Anchors::default();
    anchors.add_file(&std::fs::read(root)?)?;
    let documents = inputs.iter().map(std::fs::read).collect::<io::Result<Vec<_>>>()?;
    bench.run(rounds, |_| {
        for (document, input) in documents.iter().zip(inputs) {
            let reliance = Reliance::new(&anchors, &[], OffsetDateTime::now_utc());
            if !pades::verify(document, &reliance)?.valid() {
                return Err(format!("{input} is not valid").into());
            }
        }
        Ok(())
    })
}
