//! Which program is at the other end of a connection: a browser, or something that only speaks for a page.
//!
//! Any program of this user can claim an `Origin`, or open the per-user socket as our native host does. The kernel knows
//! whose process it is; the person is told when it is no browser. A browser is what has a browser's name and cannot be
//! replaced by this user: one that he has unpacked in his own folder is shown by its path. This names the program and
//! keeps nobody out: a program of this user could as well drive the browser itself.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use tokio::sync::OnceCell;

/// The file names of browsers, by their packages for Linux.
const BROWSERS: [&str; 11] = [
    "brave",
    "chrome",
    "chromium",
    "chromium-browser",
    "firefox",
    "firefox-bin",
    "firefox-esr",
    "librewolf",
    "msedge",
    "opera",
    "vivaldi-bin",
];
/// Starts the native hosts of browsers in a sandbox (XDG Desktop Portal, `org.freedesktop.portal.WebExtensions`).
const STARTER: &str = "xdg-desktop-portal";
/// The native host that browsers start.
const HOST: &str = "trien-extension-host";
/// How long a processor works on the search for the owner of a TCP connection. What it does for others meanwhile does not
/// count: a browser is one on a busy computer, too.
const SEARCH: Duration = Duration::from_secs(1);

/// The process at the other end, and what is known of it. Clones know the same.
#[derive(Debug, Clone, Default)]
pub struct Peer(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    /// Of the peer's socket, where its owner has to be searched for.
    inode: Option<u64>,
    speaker: OnceCell<Speaker>,
}

/// What sends a page's requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Speaker {
    /// A browser of the system, which says itself whose page it shows.
    Browser,
    /// Something else, with the path of its executable if that can be told.
    Program(Option<PathBuf>),
}

impl Peer {
    /// Of a TCP connection: the owner of the socket with this inode. Searched for when it is first asked about.
    pub(super) fn with_socket(inode: u64) -> Self {
        Self(Arc::new(Shared {
            inode: Some(inode),
            speaker: OnceCell::new(),
        }))
    }

    /// Of a connection on the per-user socket, by its `SO_PEERCRED`: a native host that a browser has started speaks for
    /// the browser.
    pub(super) fn with_pid(pid: i32) -> Self {
        let speaker = match Executable::of(pid) {
            Some(host) if host.is_named(&[HOST]) && host.is_ours() => {
                match parent(pid).and_then(Executable::of) {
                    Some(starter) if starter.is_system() && starter.is_named(&[STARTER]) => Speaker::Browser,
                    starter => speaker(starter),
                }
            }
            other => Speaker::Program(other.map(|program| program.path)),
        };
        Self(Arc::new(Shared {
            inode: None,
            speaker: OnceCell::new_with(Some(speaker)),
        }))
    }

    /// What it is; a program that cannot be told where nothing is known.
    pub async fn speaker(&self) -> &Speaker {
        let search = async || {
            let Some(inode) = self.0.inode else {
                return Speaker::Program(None);
            };
            let search = tokio::task::spawn_blocking(move || owner(inode).and_then(Executable::of));
            speaker(search.await.unwrap_or_default())
        };
        self.0.speaker.get_or_init(search).await
    }
}

fn speaker(program: Option<Executable>) -> Speaker {
    match program {
        Some(program) if program.is_system() && program.is_named(&BROWSERS) => Speaker::Browser,
        other => Speaker::Program(other.map(|program| program.path)),
    }
}

/// The file that a process runs.
struct Executable {
    path: PathBuf,
    metadata: Metadata,
}

impl Executable {
    fn of(pid: i32) -> Option<Self> {
        let link = format!("/proc/{pid}/exe");
        let path = std::fs::read_link(&link).ok()?;
        // The link leads to the file itself, even where the path is another in the process's own mounts.
        let metadata = std::fs::metadata(&link).ok()?;
        Some(Self {
            path: without_mark(path),
            metadata,
        })
    }

    fn is_named(&self, names: &[&str]) -> bool {
        self.path
            .file_name()
            .is_some_and(|name| names.iter().any(|wanted| name == *wanted))
    }

    /// Only root can change it.
    fn is_system(&self) -> bool {
        self.metadata.uid() == 0 && self.metadata.mode() & 0o022 == 0
    }

    /// Of the system, or the one beside this daemon.
    fn is_ours(&self) -> bool {
        let beside = std::env::current_exe().ok().and_then(|own| {
            let host = own.with_file_name(HOST);
            std::fs::metadata(host).ok()
        });
        let same = |host: Metadata| (host.dev(), host.ino()) == (self.metadata.dev(), self.metadata.ino());
        self.is_system() || beside.is_some_and(same)
    }
}

/// A file that was replaced while its process runs, as by an update, has a mark behind its name (proc(5)).
fn without_mark(path: PathBuf) -> PathBuf {
    let plain = path.to_str().and_then(|path| path.strip_suffix(" (deleted)"));
    plain.map(PathBuf::from).unwrap_or(path)
}

fn parent(pid: i32) -> Option<i32> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The command's name stands in parentheses and may hold some; state and parent follow (proc(5)).
    stat.rsplit(')').next()?.split_whitespace().nth(1)?.parse().ok()
}

/// The process that holds the socket with this inode, as far as this user may look.
fn owner(inode: u64) -> Option<i32> {
    let processes = std::fs::read_dir("/proc").ok()?.flatten();
    owner_among(
        inode,
        processes.filter_map(|entry| Path::new(&entry.file_name()).to_str()?.parse().ok()),
    )
}

fn owner_among(inode: u64, processes: impl IntoIterator<Item = i32>) -> Option<i32> {
    let wanted = PathBuf::from(format!("socket:[{inode}]"));
    let end = worked() + SEARCH;
    let holds = |pid: &i32| {
        let files = std::fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten();
        files
            .flatten()
            .any(|file| std::fs::read_link(file.path()).is_ok_and(|target| target == wanted))
    };
    processes.into_iter().take_while(|_| worked() < end).find(holds)
}

/// What a processor did for this thread so far.
fn worked() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own_executable() -> Speaker {
        Speaker::Program(Some(std::env::current_exe().unwrap()))
    }

    #[tokio::test]
    async fn a_program_is_named_by_its_executable() {
        let own = i32::try_from(std::process::id()).unwrap();
        assert_eq!(*Peer::with_pid(own).speaker().await, own_executable());
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let inode = rustix::fs::fstat(&socket).unwrap().st_ino;
        assert_eq!(*Peer::with_socket(inode).speaker().await, own_executable());
        drop(socket);
        assert_eq!(*Peer::with_socket(inode).speaker().await, Speaker::Program(None));
        assert_eq!(*Peer::default().speaker().await, Speaker::Program(None));
    }

    #[test]
    fn who_waits_for_a_processor_has_not_searched_meanwhile() {
        let own = i32::try_from(std::process::id()).unwrap();
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let inode = rustix::fs::fstat(&socket).unwrap().st_ino;
        let late = std::iter::once_with(|| {
            std::thread::sleep(SEARCH + Duration::from_millis(100));
            own
        });
        assert_eq!(owner_among(inode, late), Some(own));
    }

    #[test]
    fn a_browsers_name_is_not_enough() {
        let folder = tempfile::tempdir().unwrap();
        let program = |name: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, "").unwrap();
            Executable {
                metadata: std::fs::metadata(&path).unwrap(),
                path,
            }
        };
        let system = |name: &str| Executable {
            path: PathBuf::from("/usr/lib").join(name),
            metadata: std::fs::metadata("/usr/bin/env").unwrap(),
        };
        assert_eq!(speaker(Some(system("firefox-esr"))), Speaker::Browser);
        assert!(matches!(
            speaker(Some(system("python3.13"))),
            Speaker::Program(Some(_))
        ));
        let mut open = program("chromium");
        std::fs::set_permissions(&open.path, std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
        open.metadata = std::fs::metadata(&open.path).unwrap();
        assert_eq!(
            speaker(Some(open)),
            Speaker::Program(Some(folder.path().join("chromium")))
        );
        let mark = PathBuf::from("/usr/lib/firefox/firefox (deleted)");
        assert_eq!(without_mark(mark), Path::new("/usr/lib/firefox/firefox"));
    }
}
