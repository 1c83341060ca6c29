//! Modules of other makers that need no card: SoftHSM, a TPM's, opencryptoki's.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;
use trien::config::ModuleConfig;
use trien::tokens::known::of_library;

use super::{CARD_PIN, wait_until};

/// True if a module, or a program, of another maker is on this computer.
pub fn installed(path: &str) -> bool {
    Path::new(path).exists()
}

/// Whether somebody takes connections at this socket, which is there a moment before. Nobody connects for that: a TPM has one
/// client at a time.
fn listens(socket: &Path) -> bool {
    // Flags, type and state, inode, path (`__SO_ACCEPTCON` is 1 << 16).
    let sockets = std::fs::read_to_string("/proc/net/unix").unwrap();
    let path = socket.display().to_string();
    sockets.lines().any(|line| {
        let words: Vec<_> = line.split_whitespace().collect();
        words.get(3) == Some(&"00010000") && words.get(7) == Some(&path.as_str())
    })
}

/// A library as its row in the registry says, which finds its tokens by these variables and keeps them in that folder.
fn known(library: &str, folder: &Path, variables: &[(&str, String)]) -> ModuleConfig {
    let library = Path::new(library);
    let mut module = ModuleConfig::known(of_library(library).unwrap(), library.to_path_buf());
    module.folders.push(folder.to_path_buf());
    let variables = variables.iter();
    module.variables = variables
        .map(|(name, value)| ((*name).to_owned(), value.into()))
        .collect();
    module
}

/// A token of SoftHSM with an RSA key of ID 01 and the label `soft-key`.
pub struct SoftHsm(TempDir);

impl SoftHsm {
    pub const MODULE: &str = "/usr/lib/softhsm/libsofthsm2.so";

    pub fn new(label: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let tokens = folder.path().join("tokens");
        std::fs::create_dir_all(&tokens).unwrap();
        let settings = format!("directories.tokendir = {}\nlog.level = ERROR\n", tokens.display());
        std::fs::write(folder.path().join("softhsm2.conf"), settings).unwrap();
        let hsm = Self(folder);
        let mut make = Command::new("softhsm2-util");
        make.args([
            "--init-token",
            "--free",
            "--label",
            label,
            "--so-pin",
            "12345678",
            "--pin",
            CARD_PIN,
        ])
        .env("SOFTHSM2_CONF", hsm.settings());
        crate::support::succeed(&mut make);
        let mut generate = Command::new("pkcs11-tool");
        generate
            .args([
                "--module",
                Self::MODULE,
                "--token-label",
                label,
                "--login",
                "--pin",
                CARD_PIN,
            ])
            .args([
                "--keypairgen",
                "--key-type",
                "rsa:2048",
                "--id",
                "01",
                "--label",
                "soft-key",
            ])
            .env("SOFTHSM2_CONF", hsm.settings());
        crate::support::succeed(&mut generate);
        hsm
    }

    /// Its module, for this token.
    pub fn module(&self) -> ModuleConfig {
        let settings = self.settings().display().to_string();
        known(Self::MODULE, self.0.path(), &[("SOFTHSM2_CONF", settings)])
    }

    /// What its module reads: `SOFTHSM2_CONF`.
    pub fn settings(&self) -> PathBuf {
        self.0.path().join("softhsm2.conf")
    }
}

/// A token of tpm2-pkcs11 on a software TPM of its own, with an RSA key of ID 01 and the label `tpm-key`.
pub struct TpmToken {
    folder: TempDir,
    tpm: Child,
}

impl TpmToken {
    pub const MODULE: &str = "/usr/lib/x86_64-linux-gnu/pkcs11/libtpm2_pkcs11.so";

    pub fn new(label: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("tpm.sock");
        std::fs::create_dir_all(folder.path().join("store")).unwrap();
        let tpm = Command::new("swtpm")
            .args(["socket", "--tpm2", "--flags", "not-need-init,startup-clear"])
            .arg("--tpmstate")
            .arg(format!("dir={}", folder.path().display()))
            .arg("--server")
            .arg(format!("type=unixio,path={}", socket.display()))
            .arg("--ctrl")
            .arg(format!("type=unixio,path={}.ctrl", socket.display()))
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let token = Self { folder, tpm };
        wait_until("the TPM runs", || listens(&socket));
        let tool = |words: &[&str]| {
            let mut command = Command::new("pkcs11-tool");
            command.args(["--module", Self::MODULE]).args(words);
            for (name, value) in token.environment() {
                command.env(name, value);
            }
            crate::support::succeed(&mut command);
        };
        tool(&[
            "--slot-index",
            "0",
            "--init-token",
            "--label",
            label,
            "--so-pin",
            "12345678",
        ]);
        tool(&[
            "--token-label",
            label,
            "--so-pin",
            "12345678",
            "--login",
            "--login-type",
            "so",
            "--init-pin",
            "--new-pin",
            CARD_PIN,
        ]);
        tool(&[
            "--token-label",
            label,
            "--login",
            "--pin",
            CARD_PIN,
            "--keypairgen",
            "--key-type",
            "rsa:2048",
            "--id",
            "01",
            "--label",
            "tpm-key",
        ]);
        token
    }

    /// Its module, for this token.
    pub fn module(&self) -> ModuleConfig {
        known(Self::MODULE, self.folder.path(), &self.environment())
    }

    /// What its module needs.
    pub fn environment(&self) -> [(&'static str, String); 2] {
        let folder = self.folder.path().display();
        [
            ("TPM2_PKCS11_STORE", format!("{folder}/store")),
            ("TPM2_PKCS11_TCTI", format!("swtpm:path={folder}/tpm.sock")),
        ]
    }

    /// The transient objects in the TPM, by their handles: what nobody has taken out again.
    pub fn objects(&self) -> Vec<String> {
        let told = self.tool("tpm2_getcap", "handles-transient");
        let lines = told.lines().map(|line| line.trim_start_matches("- ").to_owned());
        lines.filter(|line| line.starts_with("0x")).collect()
    }

    /// Takes them out, as the person is told to.
    pub fn clear(&self) {
        self.tool("tpm2_flushcontext", "-t");
    }

    fn tool(&self, program: &str, word: &str) -> String {
        let [_, (_, road)] = self.environment();
        let mut command = Command::new(program);
        crate::support::succeed(command.arg(word).env("TPM2TOOLS_TCTI", road))
    }
}

impl Drop for TpmToken {
    fn drop(&mut self) {
        let _ = self.tpm.kill();
        let _ = self.tpm.wait();
    }
}

/// opencryptoki's software token. It has one daemon, one group and one set of folders for the whole computer: here the
/// test runs in namespaces where they are its own.
pub struct Opencryptoki(());

/// Says that the process is in such namespaces.
const PRIVATE: &str = "TRIEN_TEST_OPENCRYPTOKI";

/// `$0` is a folder for the files; the words are the program to run.
const NAMESPACE: &str = r#"
    cd "$0" && mkdir -p etc state/swtok/TOK_OBJ run/lock/opencryptoki/swtok
    printf 'version opencryptoki-3.1\nslot 3\n{\nstdll = libpkcs11_sw.so\n}\n' > etc/opencryptoki.conf
    { grep -v '^pkcs11:' /etc/group; echo 'pkcs11:x:0:'; } > group
    mount --bind group /etc/group
    mount --bind etc /etc/opencryptoki
    mount --bind state /var/lib/opencryptoki
    mount -t tmpfs tmpfs /dev/shm
    mount --bind run /run
    pkcsslotd -f >slotd.log 2>&1 &
    slotd=$!
    tries=0
    # Its socket is there a moment before it listens. Nobody connects to find out, for that is a client which it then misses;
    # and sockets of the same name, of other tests, are none of its own.
    listens() {
        for file in /proc/$slotd/fd/*; do
            inode=$(readlink "$file" | sed -n 's/^socket:\[\(.*\)\]$/\1/p')
            [ -z "$inode" ] || ! grep -q " 00010000 [0-9]* [0-9]* *$inode " /proc/net/unix || return 0
        done
        return 1
    }
    until listens; do
        tries=$((tries + 1))
        [ "$tries" -lt 200 ] || { cat slotd.log >&2; exit 1; }
        sleep 0.05
    done
    cd / && "$@"
    status=$?
    kill "$slotd"
    exit "$status"
"#;

/// Runs a test with an opencryptoki of its own; in a process of its own, which comes to `test` the second time.
#[track_caller]
pub fn on_opencryptoki(test: impl FnOnce(Opencryptoki)) {
    if std::env::var_os(PRIVATE).is_some() {
        return test(Opencryptoki(()));
    }
    let folder = tempfile::Builder::new().prefix("ock").tempdir().unwrap();
    let thread = std::thread::current();
    let name = thread.name().expect("a test's thread is called as the test");
    let namespaces: &[&str] = if rustix::process::getuid().is_root() {
        &["-m", "-i"]
    } else {
        &["-r", "-m", "-i"]
    };
    let status = Command::new("unshare")
        .args(namespaces)
        .args(["sh", "-c", NAMESPACE])
        .arg(folder.path())
        .arg(std::env::current_exe().unwrap())
        .args([name, "--exact", "--nocapture"])
        .env(PRIVATE, "1")
        .stdin(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success(), "{name}: {status}");
}

impl Opencryptoki {
    pub const MODULE: &str = "/usr/lib/x86_64-linux-gnu/opencryptoki/libopencryptoki.so.0";

    /// The PIN that the user has from the security officer. Its flags do not say that it is to be changed.
    pub const FIRST_PIN: &str = "87651234";

    /// Its module.
    pub fn module(&self) -> ModuleConfig {
        known(Self::MODULE, Path::new("/var/lib/opencryptoki"), &[])
    }

    /// Makes the token, whose user has been given his first PIN and no more.
    pub fn issue(&self, label: &str) {
        let given = ["--login", "--login-type", "so", "--so-pin"];
        self.tool(&["--init-token", "--label", label, "--so-pin", "87654321"]);
        let change = [&given[..], &["87654321", "--change-pin", "--new-pin", "76543210"]];
        self.tool(&change.concat());
        let give = [
            &given[..],
            &["76543210", "--init-pin", "--new-pin", Self::FIRST_PIN],
        ];
        self.tool(&give.concat());
    }

    /// An RSA key of ID 01 and the label `ock-key`, once the PIN is [`CARD_PIN`].
    pub fn generate(&self) {
        let make = [
            "--keypairgen",
            "--key-type",
            "rsa:2048",
            "--id",
            "01",
            "--label",
            "ock-key",
        ];
        self.tool(&[&["--login", "--pin", CARD_PIN], &make[..]].concat());
    }

    fn tool(&self, words: &[&str]) {
        let mut command = Command::new("pkcs11-tool");
        command
            .args(["--module", Self::MODULE, "--slot", "3"])
            .args(words);
        crate::support::succeed(&mut command);
    }
}
