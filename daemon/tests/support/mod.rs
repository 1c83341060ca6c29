//! What tests of the whole program stand on: a throw-away `TRIEN_HOME` with a real software token, keys made on it, and
//! certificates of the demo PKI. Everything goes through the command line, as a person would do it.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

pub mod cards;
pub mod daemon;
pub mod module;
pub mod office;
pub mod promptly;
mod resumed;
pub mod unread;
pub mod wakes;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// The PIN of every token here.
pub const PIN: &str = "24681357";

/// The label of the token.
pub const TOKEN: &str = "Thử nghiệm";

/// A person's computer with Triện on it.
pub struct Desk {
    folder: TempDir,
    /// Of the environment, for every program here.
    variables: Vec<(&'static str, String)>,
    /// Host and port where the demo PKI publishes lists and answers; hosts that do not exist without one.
    published_at: Option<String>,
    /// The keys of its authorities are its own.
    has_own_keys: bool,
}

impl Desk {
    /// With an empty `TRIEN_HOME`, and a demo PKI whose root it trusts.
    pub fn new() -> Self {
        Self::bare().furnished()
    }

    /// The same, of authorities that have nothing but their names from those of the other desks.
    pub fn of_strangers() -> Self {
        let mut desk = Self::bare();
        desk.has_own_keys = true;
        desk.furnished()
    }

    fn furnished(self) -> Self {
        let desk = self;
        succeed(desk.authority("generate.sh").arg(desk.pki()));
        let trust = desk.home().join("config/trust");
        std::fs::create_dir_all(&trust).expect("a trust folder");
        for name in ["root.pem", "ca.pem"] {
            std::fs::copy(desk.pki().join(name), trust.join(name)).expect("an anchor");
        }
        std::fs::write(desk.pin_file(), format!("{PIN}\n")).expect("a PIN file");
        desk
    }

    /// With an empty `TRIEN_HOME` alone.
    pub fn bare() -> Self {
        Self {
            folder: tempfile::tempdir().expect("a temporary folder"),
            variables: Vec::new(),
            published_at: None,
            has_own_keys: false,
        }
    }

    /// With a token on it as well.
    pub fn with_token() -> Self {
        Self::new().given_a_token(&[])
    }

    fn given_a_token(self, more: &[&str]) -> Self {
        module::software_token();
        let desk = self;
        let pin = desk.pin_file();
        let so_pin = ["--so-pin-file".as_ref(), pin.as_os_str()];
        succeed(
            desk.trien(["token", "init", "--label", TOKEN])
                .args(more)
                .args(desk.pin())
                .args(so_pin),
        );
        desk
    }

    /// With a token, a key of each kind, and a certificate of this profile (see `testdata/pki/issue.sh`) for each.
    pub fn with_keys(keys: &[(&str, &str, &str)]) -> Self {
        Self::with_token().given_keys(keys)
    }

    /// The same, where the authorities' certificates say that lists and answers are to be had at this host and port.
    pub fn with_keys_published_at(host: &str, keys: &[(&str, &str, &str)]) -> Self {
        Self::published_at(host).given_a_token(&[]).given_keys(keys)
    }

    /// The same, where the token imitates one of the field (`trien token init --profile`).
    pub fn with_keys_of_the_field_published_at(
        host: &str,
        imitated: &str,
        keys: &[(&str, &str, &str)],
    ) -> Self {
        let desk = Self::published_at(host).given_a_token(&["--profile", imitated]);
        desk.given_keys(keys)
    }

    fn published_at(host: &str) -> Self {
        let mut desk = Self::bare();
        desk.published_at = Some(host.to_owned());
        desk.furnished()
    }

    fn given_keys(self, keys: &[(&str, &str, &str)]) -> Self {
        for (label, algorithm, profile) in keys {
            self.add_key(label, algorithm, profile);
        }
        self
    }

    /// A program of the demo PKI. Its keys are mostly the same on all desks: to make them takes longer than most tests.
    pub fn authority(&self, program: &str) -> Command {
        let mut command = Command::new(repository().join("testdata/pki").join(program));
        if !self.has_own_keys {
            command.env("KEYS", Path::new(env!("CARGO_TARGET_TMPDIR")).join("demo-keys"));
        }
        for host in ["OCSP_HOST", "CRL_HOST", "ROOT_CRL_HOST"] {
            command.envs(self.published_at.iter().map(|at| (host, at)));
        }
        command
    }

    /// Has the authority between the signers and the root certified anew, with SHA-1, and relies on that certificate alone.
    pub fn certify_authority_with_sha1(&self) {
        let config = repository().join("testdata/pki/openssl.cnf");
        let words = "x509 -req -in private/ca.csr -CA root.pem -CAkey private/root.key -set_serial 0x5477 -days 3000 -sha1 \
                     -extensions issuing -out old-ca.pem -extfile";
        let mut issue = Command::new("openssl");
        issue.current_dir(self.pki()).args(words.split_whitespace());
        succeed(issue.arg(config).env("PKI", self.pki()).env("CA", "root"));
        let kept = self.home().join("config/trust/ca.pem");
        std::fs::copy(self.pki().join("old-ca.pem"), kept).expect("a certificate to rely on");
    }

    /// Makes a key on the token, has it certified and puts the certificate beside it.
    pub fn add_key(&self, label: &str, algorithm: &str, profile: &str) {
        let subject = format!("C=VN,ST=Thành phố Hồ Chí Minh,CN=Nguyễn Văn An {label},UID=CCCD:079085000123");
        self.add_key_of(label, algorithm, profile, &subject);
    }

    /// The same for somebody else.
    pub fn add_key_of(&self, label: &str, algorithm: &str, profile: &str, subject: &str) {
        let words = [
            "token",
            "generate-key",
            "--token",
            TOKEN,
            "--algorithm",
            algorithm,
            "--label",
            label,
        ];
        succeed(self.trien(words).args(self.pin()));
        let request = self.path(&format!("{label}.csr"));
        let words = [
            "token",
            "request",
            "--token",
            TOKEN,
            "--key",
            label,
            "--subject",
            subject,
        ];
        succeed(self.trien(words).arg("--out").arg(&request).args(self.pin()));
        let certificate = self.path(&format!("{label}.pem"));
        let mut issue = self.authority("issue.sh");
        issue.arg(self.pki()).arg(profile).arg(&request).arg(&certificate);
        succeed(&mut issue);
        let words = ["token", "install", "--token", TOKEN, "--cert"];
        succeed(self.trien(words).arg(&certificate).args(self.pin()));
    }

    /// Puts a key on the token that OpenSSL makes, by these words, and has it certified; beside it lie `LABEL.key` and
    /// `LABEL.pem`.
    pub fn import_key(&self, label: &str, algorithm: &[&str], profile: &str) {
        let at = |end: &str| self.path(&format!("{label}.{end}"));
        let mut request = Command::new("openssl");
        request.args(["req", "-newkey"]).args(algorithm);
        request.args([
            "-nodes",
            "-utf8",
            "-subj",
            &format!("/C=VN/CN=Nguyễn Văn An {label}"),
        ]);
        succeed(request.arg("-keyout").arg(at("key")).arg("-out").arg(at("csr")));
        let mut issue = self.authority("issue.sh");
        issue.arg(self.pki()).arg(profile).arg(at("csr")).arg(at("pem"));
        succeed(&mut issue);
        let words = ["token", "import", "--token", TOKEN, "--label", label, "--key"];
        let mut import = self.trien(words);
        import
            .arg(at("key"))
            .arg("--cert")
            .arg(at("pem"))
            .args(self.pin());
        succeed(&mut import);
    }

    /// With these variables in the environment of every program here.
    pub fn with_variables(mut self, variables: impl IntoIterator<Item = (&'static str, String)>) -> Self {
        self.variables.extend(variables);
        self
    }

    /// `trien` with these words, on this desk, in English.
    pub fn trien<'a>(&self, words: impl IntoIterator<Item = &'a str>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_trien"));
        command
            .args(words)
            .env("TRIEN_HOME", self.home())
            .env("LC_ALL", "en_US.UTF-8")
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null());
        command
    }

    /// The words that give the PIN.
    pub fn pin(&self) -> [std::ffi::OsString; 2] {
        ["--pin-file".into(), self.pin_file().into()]
    }

    /// Where the PIN is.
    pub fn pin_file(&self) -> PathBuf {
        self.path("pin")
    }

    /// `TRIEN_HOME`
    pub fn home(&self) -> PathBuf {
        self.path("home")
    }

    /// The demo PKI.
    pub fn pki(&self) -> PathBuf {
        self.path("pki")
    }

    /// A folder with the demo root alone.
    pub fn trust(&self) -> PathBuf {
        self.path("pki/trust")
    }

    /// Something on this desk.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// The root of the checkout.
pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the package lies in the checkout")
}

/// The document with a script that runs when it is opened and a file inside, as pikepdf puts them there.
pub fn add_active_content(document: &Path, out: &Path) {
    let script = "import sys
from pikepdf import Dictionary, Name, Pdf
with Pdf.open(sys.argv[1]) as document:
    document.Root.OpenAction = Dictionary(S=Name.JavaScript, JS='app.alert(1);')
    document.attachments['x.txt'] = b'x'
    document.save(sys.argv[2])
";
    let mut python = Command::new(repository().join("target/judges/bin/python"));
    succeed(python.args(["-B", "-c", script]).args([document, out]));
}

/// The document with a layer that is off at first and a white annotation over its first page.
pub fn add_what_is_shown_otherwise(document: &Path, out: &Path) {
    let script = "import sys
from pikepdf import Dictionary, Name, Pdf
with Pdf.open(sys.argv[1]) as document:
    group = document.make_indirect(Dictionary(Type=Name.OCG, Name='x'))
    document.Root.OCProperties = Dictionary(OCGs=[group], D=Dictionary(OFF=[group]))
    white = document.make_stream(b'1 g 0 0 9 9 re f')
    white.stream_dict.update(Dictionary(Subtype=Name.Form, BBox=[0, 0, 9, 9]))
    stamp = Dictionary(Type=Name.Annot, Subtype=Name.Stamp, Rect=[0, 0, 500, 700], AP=Dictionary(N=white))
    document.pages[0].Annots = document.make_indirect([document.make_indirect(stamp)])
    document.save(sys.argv[2])
";
    let mut python = Command::new(repository().join("target/judges/bin/python"));
    succeed(python.args(["-B", "-c", script]).args([document, out]));
}

/// The document with an annotation that is drawn through a filter nobody knows.
pub fn add_what_cannot_be_read(document: &Path, out: &Path) {
    let script = "import sys
from pikepdf import Dictionary, Name, Pdf
with Pdf.open(sys.argv[1]) as document:
    drawn = document.make_stream(b'')
    drawn.write(b'~', filter=Name.XDecode)
    drawn.stream_dict.update(Dictionary(Subtype=Name.Form, BBox=[0, 0, 9, 9]))
    stamp = Dictionary(Type=Name.Annot, Subtype=Name.Stamp, Rect=[0, 0, 500, 700], AP=Dictionary(N=drawn))
    document.pages[0].Annots = document.make_indirect([document.make_indirect(stamp)])
    document.save(sys.argv[2])
";
    let mut python = Command::new(repository().join("target/judges/bin/python"));
    succeed(python.args(["-B", "-c", script]).args([document, out]));
}

/// Writes a revision after those a PDF has, in which its first page is smaller, as pyHanko writes one.
pub fn alter_page(document: &Path, out: &Path) {
    let script = "import sys
from pyhanko.pdf_utils.generic import ArrayObject, NumberObject
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
with open(sys.argv[1], 'rb') as document, open(sys.argv[2], 'wb') as out:
    writer = IncrementalPdfFileWriter(document)
    page = writer.root['/Pages']['/Kids'][0]
    page['/MediaBox'] = ArrayObject(map(NumberObject, (0, 0, 300, 300)))
    writer.update_container(page)
    writer.write(out)
";
    let mut python = Command::new(repository().join("target/judges/bin/python"));
    succeed(python.args(["-B", "-c", script]).args([document, out]));
}

/// Runs a verb at a terminal of its own with someone who gives these answers; gives the exit code, and what stood there.
pub fn at_terminal(command: &Command, answers: &[(&str, &str)]) -> (i32, String) {
    at_terminal_while(command, &serde_json::json!(answers))
}

/// The same, where something else happens before keys are typed: an answer may have a program and its arguments behind
/// its keys, which runs first.
pub fn at_terminal_while(command: &Command, answers: &serde_json::Value) -> (i32, String) {
    let mut terminal = Command::new("python3");
    terminal
        .arg(repository().join("daemon/tests/support/terminal.py"))
        .arg(answers.to_string());
    let output = put_behind(terminal, command).output().unwrap();
    let told =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.code().unwrap(), told)
}

/// The second command, with its environment, as what the first one runs.
pub fn put_behind(mut inside: Command, command: &Command) -> Command {
    inside
        .arg(command.get_program())
        .args(command.get_args())
        .stdin(Stdio::null());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => inside.env(name, value),
            None => inside.env_remove(name),
        };
    }
    inside
}

/// Runs a command that has to succeed, and gives its standard output.
#[track_caller]
pub fn succeed(command: &mut Command) -> String {
    let output = output(command);
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}",
        output.status,
        both(&output)
    );
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// Runs a command that has to end with this code, and gives what it said on both streams.
#[track_caller]
pub fn fail(command: &mut Command, code: i32) -> String {
    let output = output(command);
    assert_eq!(output.status.code(), Some(code), "{command:?}: {}", both(&output));
    both(&output)
}

fn output(command: &mut Command) -> Output {
    command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

fn both(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// What a program printed as JSON.
#[track_caller]
pub fn read_json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// The code of the error a verb printed as JSON.
#[track_caller]
pub fn error_code(command: &mut Command, exit: i32) -> String {
    let told = read_json(&fail(command.arg("--json"), exit));
    told["error"]["code"]
        .as_str()
        .expect("an error has a code")
        .to_owned()
}

/// The command that makes the tokens of a specification.
pub fn specified(desk: &Desk, text: &str) -> Command {
    std::fs::write(desk.path("tokens.toml"), text).expect("the desk's folder is ours");
    let mut command = desk.trien(["token", "init", "--from-spec"]);
    command.arg(desk.path("tokens.toml")).env("SO_PIN", "87654321");
    command
}
