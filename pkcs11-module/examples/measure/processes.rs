//! What a whole process pays: the way from loading a module to the first signature, the memory that it holds, the
//! files that are loaded for it, and what it asks the system to make durable. Each in processes of their own.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use argon2::{Algorithm, Argon2, Block, Params, Version};
use cryptoki_sys::CKM_SHA256_RSA_PKCS;
use zeroize::Zeroizing;

use crate::calls::{Failed, KeyKind, Module, Result};
use crate::contestants::{Named, Token};
use crate::signatures::ok;
use crate::table::{head, line, remark};
use crate::turns::{clock, median};

/// How many processes of each are started.
const STARTS: usize = 15;

/// The steps of a start, as the child reports them.
const STEPS: [&str; 5] = [
    "load",
    "`C_Initialize`",
    "slots, `C_OpenSession`",
    "`C_Login`",
    "find, sign",
];

/// The rest of a child's report: the processor's time for all steps, Argon2id by itself on both clocks, and the resident
/// KiB that came with the module.
const PROCESSOR: usize = STEPS.len();
const ARGON2: usize = PROCESSOR + 1;
const ARGON2_PROCESSOR: usize = ARGON2 + 1;
const RESIDENT: usize = ARGON2_PROCESSOR + 1;

/// Our own PINs' Argon2id (`store::sealing`): KiB, passes, lanes.
const DERIVATION: (u32, u32, u32) = (32 * 1024, 3, 1);

/// New processes by turns: milliseconds from loading to the first RSA-2048 signature.
pub(crate) fn starts(modules: &[Named], token: &Token) {
    for named in modules {
        ok(child("key-one", named, token).and_then(|mut child| Ok(child.status()?)));
    }
    let mut reports: Vec<Vec<Vec<f64>>> = vec![Vec::new(); modules.len()];
    for _ in 0..STARTS {
        for (named, reports) in modules.iter().zip(&mut reports) {
            reports.extend(ok(start(named, token)));
        }
    }
    let heads = ["new process, ms"].into_iter().chain(STEPS);
    let sums = [
        "in all",
        "without Argon2id",
        "processor, without Argon2id",
        "resident",
    ];
    head(&heads.chain(sums).collect::<Vec<_>>());
    for (number, (named, reports)) in modules.iter().zip(&reports).enumerate() {
        line(&row(named, reports, number == 0));
    }
    beside_the_best(&reports);
    let ours = reports.first().map(Vec::as_slice).unwrap_or_default();
    let argon2 = |place: usize| millis(median(ours.iter().map(|report| report[place])));
    let (memory, passes, lanes) = DERIVATION;
    remark(&format!(
        "Argon2id by itself, in the same processes: {} ms, {} ms of the processor ({} MiB, {passes} passes, {lanes} lane).",
        argon2(ARGON2),
        argon2(ARGON2_PROCESSOR),
        memory / 1024,
    ));
}

/// A module's medians. Argon2id is in our login only.
fn row(named: &Named, reports: &[Vec<f64>], is_ours: bool) -> Vec<String> {
    let column = |figure: &dyn Fn(&Vec<f64>) -> f64| millis(median(reports.iter().map(figure)));
    let [clock, processor, resident] = compared(reports, is_ours);
    let mut fields = vec![named.name.clone()];
    fields.extend((0..STEPS.len()).map(|step| column(&|report| report[step])));
    fields.push(column(&|report| total(report)));
    fields.extend([millis(clock), millis(processor)]);
    fields.push(format!("{:.1} MiB", resident / 1024.0));
    fields
}

fn total(report: &[f64]) -> f64 {
    report[..PROCESSOR].iter().sum()
}

/// The medians that are held against one another: microseconds without Argon2id by the clock and of the processor, and
/// resident KiB.
fn compared(reports: &[Vec<f64>], is_ours: bool) -> [f64; 3] {
    let share = if is_ours { 1.0 } else { 0.0 };
    [
        median(
            reports
                .iter()
                .map(|report| total(report) - share * report[ARGON2]),
        ),
        median(
            reports
                .iter()
                .map(|report| report[PROCESSOR] - share * report[ARGON2_PROCESSOR]),
        ),
        median(reports.iter().map(|report| report[RESIDENT])),
    ]
}

/// Ours by the best peer's: below one is better than every one of them.
fn beside_the_best(reports: &[Vec<Vec<f64>>]) {
    let [ours, peers @ ..] = reports else { return };
    let (ours, peers) = (
        compared(ours, true),
        peers
            .iter()
            .map(|reports| compared(reports, false))
            .collect::<Vec<_>>(),
    );
    head(&["", "without Argon2id", "processor, without Argon2id", "resident"]);
    let ratios = (0..ours.len()).map(|place| {
        let best = peers.iter().map(|peer| peer[place]).fold(f64::NAN, f64::min);
        format!("{:.2}×", ours[place] / best)
    });
    let what = "the first by the best of the others".to_owned();
    line(&[what].into_iter().chain(ratios).collect::<Vec<_>>());
}

fn millis(micros: f64) -> String {
    format!("{:.2}", micros / 1000.0)
}

fn start(named: &Named, token: &Token) -> Result<Vec<f64>> {
    let output = child("start-one", named, token)?.output()?;
    let report = String::from_utf8_lossy(&output.stdout);
    let report: Vec<f64> = report
        .split_whitespace()
        .filter_map(|word| word.parse().ok())
        .collect();
    if report.len() == RESIDENT + 1 {
        Ok(report)
    } else {
        Err(Failed::Because(format!(
            "{}: {}",
            named.name,
            String::from_utf8_lossy(&output.stderr).trim()
        )))
    }
}

/// This program again, for one module.
fn child(what: &str, named: &Named, token: &Token) -> Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args([what, "--label", &token.label, "--pin", &token.pin]);
    command.arg(format!("{}={}", named.name, named.path.display()));
    Ok(command)
}

/// In the child: the RSA key that starts sign with, unless there is one.
pub(crate) fn key_one(named: &Named, token: &Token) -> Result<()> {
    let module = Module::load(&named.path)?;
    named.initialize(&module)?;
    let session = module.open(module.slot(&token.label)?)?;
    session.login(&token.pin)?;
    match session.find_rsa() {
        Ok(_) => Ok(()),
        Err(_) => session.generate_pair(KeyKind::Rsa(2048)).map(drop),
    }
}

/// In the child: every step once, its microseconds; then Argon2id once, and the memory.
#[allow(clippy::print_stdout, reason = "the parent reads it")]
pub(crate) fn start_one(named: &Named, token: &Token) -> Result<()> {
    let (before, begun) = (resident()?, clock());
    let mut times = vec![Instant::now()];
    let module = Module::load(&named.path)?;
    times.push(Instant::now());
    named.initialize(&module)?;
    times.push(Instant::now());
    let session = module.open(module.slot(&token.label)?)?;
    times.push(Instant::now());
    session.login(&token.pin)?;
    times.push(Instant::now());
    session.sign(
        CKM_SHA256_RSA_PKCS,
        session.find_rsa()?,
        &[0x37; 32],
        &mut [0; 512],
    )?;
    times.push(Instant::now());
    let (after, processor) = (resident()?, clock() - begun);
    let (derived, derived_processor) = derivation()?;
    let steps = times
        .windows(2)
        .map(|pair| (pair[1] - pair[0]).as_secs_f64() * 1e6);
    let report = steps.chain([processor, derived, derived_processor, after - before]);
    println!(
        "{}",
        report
            .map(|figure| format!("{figure:.1}"))
            .collect::<Vec<_>>()
            .join(" ")
    );
    Ok(())
}

/// Microseconds of one Argon2id with the parameters of our PINs, its memory taken and wiped as the store does it: by
/// the clock, and of the processor.
fn derivation() -> Result<(f64, f64)> {
    let (started, begun) = (Instant::now(), clock());
    let (memory, passes, lanes) = DERIVATION;
    let failed = |error: argon2::Error| Failed::Because(error.to_string());
    let parameters = Params::new(memory, passes, lanes, Some(32)).map_err(failed)?;
    let mut blocks = Zeroizing::new(vec![Block::new(); parameters.block_count()]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters)
        .hash_password_into_with_memory(b"12345678", &[0x5a; 16], &mut [0; 32], blocks.as_mut_slice())
        .map_err(failed)?;
    drop(blocks);
    Ok((started.elapsed().as_secs_f64() * 1e6, clock() - begun))
}

/// Resident KiB of this process.
fn resident() -> Result<f64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok())
        .ok_or_else(|| Failed::Because("no VmRSS".into()))
}

/// The module and what the system loads for it, beside the C library: bytes on disk.
pub(crate) fn sizes(modules: &[Named], token: &Token) {
    head(&[
        "files",
        "module",
        "libraries loaded for it",
        "sum",
        "by the first's",
    ]);
    let mut first = None;
    for named in modules {
        let Some(output) = child("files-one", named, token)
            .ok()
            .and_then(|mut child| child.output().ok())
        else {
            continue;
        };
        let files = String::from_utf8_lossy(&output.stdout).into_owned();
        let module = fs::canonicalize(&named.path).unwrap_or_default();
        let libraries: Vec<&Path> = files
            .lines()
            .map(Path::new)
            .filter(|path| *path != module)
            .collect();
        let size = |path: &Path| fs::metadata(path).map_or(0, |data| data.len()) as f64 / 1048576.0;
        let sum: f64 = libraries.iter().map(|path| size(path)).sum();
        let names: Vec<_> = libraries
            .iter()
            .filter_map(|path| path.file_name()?.to_str())
            .collect();
        line(&[
            named.name.clone(),
            format!("{:.1} MiB", size(&module)),
            if names.is_empty() {
                "none".into()
            } else {
                format!("{:.1} MiB: {}", sum, names.join(", "))
            },
            format!("{:.1} MiB", size(&module) + sum),
            format!(
                "{:.2}×",
                (size(&module) + sum) / *first.get_or_insert(size(&module) + sum)
            ),
        ]);
    }
}

/// In the child: the files that were not mapped before the module was loaded and had signed.
#[allow(clippy::print_stdout, reason = "the parent reads it")]
pub(crate) fn files_one(named: &Named, token: &Token) -> Result<()> {
    let before = mapped()?;
    let module = Module::load(&named.path)?;
    named.initialize(&module)?;
    module.open(module.slot(&token.label)?)?.login(&token.pin)?;
    for file in mapped()?.difference(&before) {
        println!("{}", file.display());
    }
    Ok(())
}

fn mapped() -> Result<BTreeSet<PathBuf>> {
    let maps = fs::read_to_string("/proc/self/maps")?;
    let paths = maps.lines().filter_map(|line| line.split_whitespace().nth(5));
    // Part of the C library, and in every process that is not as small as this one.
    let of_libc = |path: &str| path.ends_with("/libm.so.6");
    Ok(paths
        .filter(|path| path.contains(".so") && !of_libc(path))
        .map(PathBuf::from)
        .collect())
}

/// Objects made under the trace.
const TRACED: u32 = 20;

/// What one `C_CreateObject` asks of the system, as `strace` counts it: what each module syncs.
pub(crate) fn system_calls(modules: &[Named], token: &Token) {
    const CALLS: [&str; 7] = [
        "fdatasync",
        "fsync",
        "pwrite64",
        "write",
        "openat",
        "rename",
        "fcntl",
    ];
    head(
        &["system calls of one object made"]
            .into_iter()
            .chain(CALLS)
            .collect::<Vec<_>>(),
    );
    for named in modules {
        let counts = traced(named, token, 0).and_then(|none| Ok((none, traced(named, token, TRACED)?)));
        let Some((none, some)) = ok(counts) else { continue };
        let each = CALLS.iter().map(|call| {
            let count = |counts: &BTreeMap<String, u32>| counts.get(*call).copied().map_or(0.0, f64::from);
            format!("{:.1}", (count(&some) - count(&none)) / f64::from(TRACED))
        });
        line(&[named.name.clone()].into_iter().chain(each).collect::<Vec<_>>());
    }
}

/// How often each system call was made by a process that makes so many objects.
fn traced(named: &Named, token: &Token, objects: u32) -> Result<BTreeMap<String, u32>> {
    let program = child(&format!("create-one:{objects}"), named, token)?;
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-e", "signal=none", "-o", "/dev/stdout"]);
    strace.arg(program.get_program()).args(program.get_args());
    let output = strace.output()?;
    if !output.status.success() {
        return Err(Failed::Because(format!(
            "{}: {}",
            named.name,
            String::from_utf8_lossy(&output.stderr).trim()
        )));
    }
    let mut counts = BTreeMap::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        // "PID call(arguments) = result"
        let call = line
            .split('(')
            .next()
            .and_then(|start| start.split_whitespace().last());
        *counts.entry(call.unwrap_or_default().to_owned()).or_default() += 1;
    }
    Ok(counts)
}
