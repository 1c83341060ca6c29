//! What a module's process may reach, set before the module is loaded: no network and no home folder, unless its row
//! in the registry says that it needs one. A card driver's process needs less: libraries, and pcscd's socket.
//!
//! Landlock (landlock(7)) closes the file system but for what libraries, readers and temporary files need; seccomp
//! closes sockets to the network, which Landlock closes for TCP only, and what no module has any business with. Both
//! are done as far as the kernel lets us, and how far that is goes into the greeting.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetStatus,
};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
};

use crate::tokens::{Confinement, Level};

/// The newest version of Landlock that is asked for; older kernels do less.
const LANDLOCK: ABI = ABI::V5;

/// Folders that a module may write to: temporary files, locks, readers' devices and the sockets of their services,
/// and the stores that modules keep for all users.
const WRITABLE: [&str; 4] = ["/dev", "/run", "/tmp", "/var"];

/// The address families (address_families(7)) that stay: `AF_UNIX`, for pcscd and other services of this machine, and
/// `AF_NETLINK`, by which the kernel tells of devices. Some that lead out of the machine do not look it (`AF_SMC` goes on
/// by TCP), and new ones come.
const INWARD: [u64; 2] = [1, 16];

/// `EACCES`
const REFUSED: u32 = 13;

/// What a module may have beyond the rule.
#[derive(Debug, Clone, Default)]
pub(super) struct Needs {
    pub(super) network: bool,
    /// Folders it reads and writes, below home or elsewhere.
    pub(super) folders: Vec<PathBuf>,
}

/// Where the system's libraries are: pcsc-lite 2 loads its own other half when it is first called. And what stands in for
/// standard input.
const LIBRARIES: [&str; 5] = ["/dev/null", "/etc/ld.so.cache", "/lib", "/lib64", "/usr"];

/// Closes what can be closed, for this thread and all that it starts.
pub(super) fn confine(module: &Path, needs: &Needs) -> Confinement {
    Confinement {
        files: close_files(module, needs).unwrap_or_else(|error| refused("Landlock", &error)),
        network: match needs.network {
            true => {
                let _ = filter(&numbers::NEVER, &[]).map_err(|error| refused("seccomp", &error));
                Level::Open
            }
            false => filter(&numbers::NEVER, &INWARD).unwrap_or_else(|error| refused("seccomp", &error)),
        },
    }
}

/// The same for a process of our own card driver: it reads libraries, writes nothing, speaks to sockets of this machine
/// alone, and starts no program.
pub(in crate::tokens) fn confine_card_driver() -> Confinement {
    let libraries = LIBRARIES.iter().map(PathBuf::from).collect();
    Confinement {
        files: restrict(libraries, Vec::new(), false).unwrap_or_else(|error| refused("Landlock", &error)),
        network: filter(&[numbers::NEVER.as_slice(), &numbers::PROGRAMS].concat(), &INWARD)
            .unwrap_or_else(|error| refused("seccomp", &error)),
    }
}

fn refused(what: &str, error: &dyn std::fmt::Display) -> Level {
    tracing::debug!(%error, "{what} is not to be had");
    Level::Open
}

fn close_files(module: &Path, needs: &Needs) -> Result<Level, landlock::RulesetError> {
    let beside = module.parent().map(Path::to_owned);
    let resolved = module.canonicalize().ok();
    let beside_resolved = resolved.as_deref().and_then(Path::parent).map(Path::to_owned);
    let readable = readable_folders()
        .into_iter()
        .chain(beside)
        .chain(beside_resolved);
    let homes = homes();
    let writable = WRITABLE
        .iter()
        .flat_map(|folder| without(Path::new(folder), &homes))
        .chain(needs.folders.iter().cloned());
    restrict(readable.collect(), writable.collect(), needs.network)
}

/// No file but below these, and no TCP unless `network`.
fn restrict(
    readable: Vec<PathBuf>,
    writable: Vec<PathBuf>,
    network: bool,
) -> Result<Level, landlock::RulesetError> {
    let reading = AccessFs::from_read(LANDLOCK);
    let all = AccessFs::from_all(LANDLOCK);
    let mut ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(all)?;
    if !network {
        ruleset = ruleset.handle_access(AccessNet::from_all(LANDLOCK))?;
    }
    let mut created = ruleset.create()?;
    let rules = readable
        .into_iter()
        .map(|path| (path, reading))
        .chain(writable.into_iter().map(|path| (path, all)));
    for (path, access) in rules {
        // A folder that is not there needs no rule.
        if let Ok(beneath) = PathFd::new(&path) {
            // Rights of folders, asked for a file, would count as not enforced.
            let access = match path.is_dir() {
                true => access,
                false => access & AccessFs::from_file(LANDLOCK),
            };
            created = created.add_rule(PathBeneath::new(beneath, access))?;
        }
    }
    Ok(match created.restrict_self()?.ruleset {
        RulesetStatus::FullyEnforced => Level::Closed,
        RulesetStatus::PartiallyEnforced => Level::Partly,
        RulesetStatus::NotEnforced => Level::Open,
    })
}

/// People's homes, wherever links lead to them: the system's rules are about folders, not about their names.
fn homes() -> Vec<PathBuf> {
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let others = ["/home", "/root"].map(PathBuf::from);
    others.into_iter().chain(home).filter_map(resolved_home).collect()
}

/// None where there is none; a user without a home has `/`, which is nobody's.
fn resolved_home(home: PathBuf) -> Option<PathBuf> {
    let resolved = home.canonicalize().unwrap_or(home);
    (resolved.is_absolute() && resolved.parent().is_some()).then_some(resolved)
}

/// Everything at the top of the file system but people's homes.
fn readable_folders() -> Vec<PathBuf> {
    let homes = homes();
    inside(Path::new("/"))
        .flat_map(|path| without(&path, &homes))
        .collect()
}

/// The folder, or, where one of the `homes` lies below it (a service's home is below `/var`), what is in it now but those:
/// Landlock takes nothing out of what a rule gives. What is a link is what it leads to.
fn without(folder: &Path, homes: &[PathBuf]) -> Vec<PathBuf> {
    let Ok(folder) = folder.canonicalize() else {
        return Vec::new();
    };
    if homes.iter().any(|home| folder.starts_with(home)) {
        return Vec::new();
    }
    let holds_one = |folder: &Path| homes.iter().any(|home| home.starts_with(folder));
    if !holds_one(&folder) {
        return vec![folder];
    }
    // A link back to what holds a home gives nothing that is not come to without it, and may lead round.
    let leads_back =
        |path: &PathBuf| path.is_symlink() && path.canonicalize().is_ok_and(|real| holds_one(&real));
    inside(&folder)
        .filter(|path| !leads_back(path))
        .flat_map(|path| without(&path, homes))
        .collect()
}

fn inside(folder: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    entries.filter_map(|entry| Some(entry.ok()?.path()))
}

/// No sockets but of these families, unless there are none; none of these system calls, and so no way out of the group of
/// processes that ends with this one.
fn filter(never: &[i64], families: &[u64]) -> Result<Level, seccompiler::Error> {
    let is_not = |family| SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Ne, family);
    let mut rules: BTreeMap<_, _> = never.iter().map(|call| (*call, Vec::new())).collect();
    let outward: Result<Vec<_>, _> = families.iter().map(|family| is_not(*family)).collect();
    let outward = outward?;
    if !outward.is_empty() {
        rules.insert(numbers::SOCKET, vec![SeccompRule::new(outward)?]);
    }
    let filter = SeccompFilter::new(
        rules,
        SeccompAction::Allow,
        SeccompAction::Errno(REFUSED),
        numbers::ARCHITECTURE,
    )?;
    let program: BpfProgram = filter.try_into()?;
    seccompiler::apply_filter(&program)?;
    Ok(Level::Closed)
}

/// System calls by number (`asm/unistd.h`).
#[cfg(target_arch = "x86_64")]
mod numbers {
    pub(super) const ARCHITECTURE: seccompiler::TargetArch = seccompiler::TargetArch::x86_64;
    pub(super) const SOCKET: i64 = 41;
    /// ptrace, process_vm_readv, process_vm_writev, mount, umount2, init_module, finit_module, kexec_load, bpf,
    /// perf_event_open, userfaultfd, io_uring_setup (which opens sockets past this filter), setsid, setpgid.
    pub(super) const NEVER: [i64; 14] = [
        101, 310, 311, 165, 166, 175, 313, 246, 321, 298, 323, 425, 112, 109,
    ];
    /// execve, execveat, fork, vfork
    pub(super) const PROGRAMS: [i64; 4] = [59, 322, 57, 58];
}

/// System calls by number (`asm-generic/unistd.h`).
#[cfg(target_arch = "aarch64")]
mod numbers {
    pub(super) const ARCHITECTURE: seccompiler::TargetArch = seccompiler::TargetArch::aarch64;
    pub(super) const SOCKET: i64 = 198;
    /// As on x86-64.
    pub(super) const NEVER: [i64; 14] = [117, 270, 271, 40, 39, 105, 273, 104, 280, 241, 282, 425, 157, 154];
    /// execve, execveat
    pub(super) const PROGRAMS: [i64; 2] = [221, 281];
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;
    use std::net::TcpListener;
    use std::os::unix::net::{UnixListener, UnixStream};

    use super::*;

    /// A sandbox is a thread's own, and that of what it starts.
    #[test]
    fn a_card_driver_reaches_sockets_of_this_machine_and_nothing_else() {
        let folder = tempfile::tempdir().expect("a folder");
        let (file, socket) = (folder.path().join("file"), folder.path().join("socket"));
        std::fs::write(&file, b"content").expect("a file");
        let _service = UnixListener::bind(&socket).expect("a socket");
        let closed_in = std::thread::spawn(move || {
            let confinement = confine_card_driver();
            let denied = |error: std::io::Error| error.kind() == ErrorKind::PermissionDenied;
            assert_eq!(confinement.network, Level::Closed);
            assert!(TcpListener::bind("127.0.0.1:0").is_err_and(denied));
            assert!(
                std::process::Command::new("/bin/true")
                    .status()
                    .is_err_and(denied)
            );
            UnixStream::connect(&socket).expect("pcscd's socket is reached");
            let closed = confinement.files != Level::Open;
            assert_eq!(std::fs::read(&file).is_err_and(denied), closed);
            assert_eq!(std::fs::write(&file, b"other").is_err_and(denied), closed);
            assert_eq!(std::fs::read("/proc/1/stat").is_err_and(denied), closed);
        });
        closed_in.join().expect("closed in as it should be");
    }

    /// The home of a service is below `/var`, that of a build may be below `/tmp`; of some systems, `/home` is a link.
    #[test]
    fn a_home_below_a_writable_folder_is_closed_and_what_is_beside_it_is_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let [home, beside] = ["lib/home/an", "lib/beside"].map(|name| folder.path().join(name));
        for folder in [&home, &beside] {
            std::fs::create_dir_all(folder).expect("a folder");
        }
        let link = |name: &str, target: &str| {
            let link = folder.path().join(name);
            std::os::unix::fs::symlink(target, &link).expect("a link");
            link
        };
        let linked = link("home", "lib/home").join("an");
        let others = [link("lib/to-home", "home/an"), link("lib/back", "..")];
        for named in [home.clone(), linked.clone()] {
            let homes = Vec::from_iter(resolved_home(named.clone()));
            let writable = without(folder.path(), &homes);
            let ways = [home.clone(), linked.clone(), others[0].clone()];
            let beside = beside.clone();
            let closed_in = std::thread::spawn(move || {
                let level = restrict(Vec::new(), writable, false).expect("a kernel with or without Landlock");
                let denied = |error: std::io::Error| error.kind() == ErrorKind::PermissionDenied;
                std::fs::write(beside.join("file"), b"content").expect("what is beside it is open");
                for way in ways {
                    let closed = std::fs::read_dir(&way).is_err_and(denied);
                    assert_eq!(closed, level != Level::Open, "{way:?}, of {named:?}");
                    let closed = std::fs::write(way.join("file"), b"content").is_err_and(denied);
                    assert_eq!(closed, level != Level::Open, "{way:?}, of {named:?}");
                }
            });
            closed_in.join().expect("closed in as it should be");
        }
    }
}
