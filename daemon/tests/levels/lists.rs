//! Revocation lists that are taken in from files: of authorities of one name, and several in one file.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{Desk, fail, read_json, succeed};
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};

/// Two authorities of one name, each with its own key, list and signer; the list of `old` revokes its signer and is an
/// hour older than that of `new`.
struct Namesakes {
    desk: Desk,
}

impl Namesakes {
    fn new() -> Self {
        let pair = Self { desk: Desk::new() };
        std::fs::write(pair.path("letter.txt"), "Kính gửi").unwrap();
        let extensions = "keyUsage=critical,digitalSignature,nonRepudiation\nauthorityKeyIdentifier=keyid\n";
        std::fs::write(pair.path("person.cnf"), extensions).unwrap();
        for (name, hours) in [("old", 2), ("new", 1)] {
            pair.authority(name);
            pair.person(name);
            pair.list(name, hours, name == "old");
        }
        pair
    }

    fn path(&self, name: &str) -> PathBuf {
        self.desk.path(name)
    }

    fn openssl(&self, words: &str) -> String {
        let mut openssl = Command::new("openssl");
        openssl.current_dir(self.path(""));
        succeed(openssl.args(words.split(' ')))
    }

    fn authority(&self, name: &str) {
        self.openssl(&format!(
            "req -x509 -newkey rsa:2048 -nodes -subj /C=VN/CN=Namesake -days 3000 -keyout {name}.key -out {name}.pem"
        ));
    }

    fn person(&self, issuer: &str) {
        self.openssl(&format!(
            "req -new -newkey rsa:2048 -nodes -subj /C=VN/CN=Person -keyout {issuer}-person.key -out {issuer}.csr"
        ));
        self.openssl(&format!(
            "x509 -req -in {issuer}.csr -CA {issuer}.pem -CAkey {issuer}.key -days 1500 -extfile person.cnf \
             -out {issuer}-person.pem"
        ));
        self.openssl(&format!(
            "cms -sign -cades -binary -nodetach -md sha256 -in letter.txt -signer {issuer}-person.pem \
             -inkey {issuer}-person.key -outform DER -out {issuer}.p7m"
        ));
    }

    fn list(&self, name: &str, hours: i64, revoking: bool) {
        let format =
            time::macros::format_description!("[year repr:last_two][month][day][hour][minute][second]Z");
        let ago = |ago: Duration| (OffsetDateTime::now_utc() - ago).format(format).unwrap();
        let serial = self.openssl(&format!("x509 -serial -noout -in {name}-person.pem"));
        let serial = serial.trim().split_once('=').unwrap().1;
        let entry = format!(
            "R\t351231235959Z\t{}\t{serial}\tunknown\t/CN=x\n",
            ago(Duration::days(1))
        );
        std::fs::write(self.path("index"), if revoking { &entry } else { "" }).unwrap();
        let config = "[ca]\ndefault_ca=c\n[c]\ndatabase=index\ndefault_md=sha256\n";
        std::fs::write(self.path("lists.cnf"), config).unwrap();
        let (from, to) = (ago(Duration::hours(hours)), ago(Duration::days(-30)));
        self.openssl(&format!(
            "ca -gencrl -config lists.cnf -cert {name}.pem -keyfile {name}.key -crl_lastupdate {from} \
             -crl_nextupdate {to} -out {name}.crl"
        ));
    }

    fn import(&self, list: &str) -> Command {
        let mut import = self.desk.trien(["trust", "import-crl", "--json"]);
        import.arg(self.path(list));
        import
    }

    fn imported(&self, list: &str) -> usize {
        let said: Value = read_json(&succeed(&mut self.import(list)));
        said.as_array().unwrap().len()
    }

    /// One file of these, in this order.
    fn together(&self, parts: &[&str], whole: &Path) {
        let parts = parts
            .iter()
            .map(|part| std::fs::read_to_string(self.path(part)).unwrap());
        std::fs::write(whole, parts.collect::<String>()).unwrap();
    }

    fn trust(&self) {
        let mut add = self.desk.trien(["trust", "add"]);
        succeed(add.args(["old.pem", "new.pem"].map(|name| self.path(name))));
    }

    fn verify(&self, signed: &str) -> Command {
        let mut verify = self.desk.trien(["verify", "--json"]);
        verify.arg(self.path(signed));
        verify
    }

    fn is_revoked(&self, verify: &mut Command) {
        let report = fail(verify, 1);
        assert!(report.contains("REVOKED_NO_POE"), "{report}");
    }

    /// Valid, and its issuer's list says so.
    fn is_cleared(&self, verify: &mut Command) {
        let report = read_json(&succeed(verify));
        assert_eq!(
            report[0]["signatures"][0]["revocation_status"], "good",
            "{report:#}"
        );
    }
}

#[test]
fn lists_of_two_authorities_of_one_name_are_both_kept_whichever_comes_first() {
    for order in [["old", "new"], ["new", "old"]] {
        let pair = Namesakes::new();
        pair.trust();
        for name in order {
            assert_eq!(pair.imported(&format!("{name}.crl")), 1, "{order:?}");
        }
        pair.is_revoked(&mut pair.verify("old.p7m"));
        pair.is_cleared(&mut pair.verify("new.p7m"));
        // What is there already is not taken in, nor told to be.
        assert_eq!(pair.imported("old.crl"), 0);
        let mut again = pair.desk.trien(["--lang", "en", "trust", "import-crl"]);
        let output = again.arg(pair.path("new.crl")).output().unwrap();
        let [told, aside] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
        assert!(
            output.status.success() && !told.contains("Imported"),
            "{output:?}"
        );
        assert!(aside.contains("is not newer"), "{output:?}");
    }
}

#[test]
fn every_list_of_a_file_is_taken_in_or_none() {
    let pair = Namesakes::new();
    pair.trust();
    let both = pair.path("both.crl");
    // One that cannot be read, or is by nobody who is known, keeps the others out.
    std::fs::write(
        pair.path("broken.crl"),
        "-----BEGIN X509 CRL-----\nMIIB\n-----END X509 CRL-----\n",
    )
    .unwrap();
    pair.together(&["old.crl", "broken.crl"], &both);
    let refused = fail(&mut pair.import("both.crl"), 3);
    assert!(refused.contains("no revocation list"), "{refused}");
    pair.authority("stranger");
    pair.person("stranger");
    pair.list("stranger", 1, false);
    pair.together(&["old.crl", "stranger.crl"], &both);
    let refused = fail(&mut pair.import("both.crl"), 1);
    assert!(refused.contains("not known here"), "{refused}");
    let listed = read_json(&succeed(&mut pair.desk.trien(["trust", "list", "--json"])));
    assert_eq!(listed["crls"], json!([]));

    pair.together(&["new.crl", "old.crl"], &both);
    assert_eq!(pair.imported("both.crl"), 2);
    pair.is_revoked(&mut pair.verify("old.p7m"));
    pair.is_cleared(&mut pair.verify("new.p7m"));
}

#[test]
fn a_file_of_a_trust_folder_may_hold_authorities_and_lists() {
    let pair = Namesakes::new();
    let folder = pair.path("folder");
    std::fs::create_dir(&folder).unwrap();
    let whole = folder.join("all.pem");
    let verify = |signed: &str| {
        let mut verify = pair.desk.trien(["verify", "--json", "--trust"]);
        verify.arg(&folder).arg(pair.path(signed));
        verify
    };
    for order in [
        ["new.crl", "old.crl", "old.pem", "new.pem"],
        ["old.pem", "new.pem", "new.crl", "old.crl"],
    ] {
        pair.together(&order, &whole);
        pair.is_revoked(&mut verify("old.p7m"));
        pair.is_cleared(&mut verify("new.p7m"));
    }
    // What is added of such a file are its certificates; that there is more is told.
    let mut add = pair.desk.trien(["--lang", "en", "trust", "add"]);
    let output = add.arg(&whole).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && told.contains("import-crl"),
        "{output:?}"
    );
    let mut import = pair.desk.trien(["--lang", "en", "trust", "import-crl"]);
    let output = import.arg(&whole).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && told.contains("trust add"),
        "{output:?}"
    );
    pair.is_revoked(&mut pair.verify("old.p7m"));
}
