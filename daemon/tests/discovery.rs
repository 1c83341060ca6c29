//! Which vendors' libraries `trien doctor` finds by itself in the folders of the system. Each test has such folders of
//! its own: the program runs in a mount namespace, before a file system in which `/usr/local/lib` and `/usr/lib32` are
//! the test's.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::process::{Command, Stdio};

use serde_json::Value;
use support::Desk;

/// What is made of the file system: `$1` has the folders `lib` and `lib32` that take the system's place, and an empty
/// one for the root of all; `sys` for the devices, `drivers` for those of readers, and `etc` for what stands there besides, if
/// there are such; with `no-pcscd` the program of the smart card service is not there. The folders above them belong to whoever runs this, as they must.
const NAMESPACE: &str = r#"
set -e
own=$1; root=$1/root; shift
mount -t tmpfs -o mode=755 tmpfs "$root"
put() {
    if [ -L "$1" ]; then cp -P "$1" "$root$1"
    elif [ -d "$1" ]; then mkdir "$root$1"; mount --rbind "$1" "$root$1"; fi
}
for place in /*; do
    if [ "$place" = /sys ] && [ -d "$own/sys" ]; then mkdir "$root/sys"; mount --bind "$own/sys" "$root/sys"
    elif [ "$place" = /etc ] && [ -d "$own/etc" ]; then
        mkdir "$root/etc"
        for inside in /etc/*; do put "$inside"; done
        cp -r "$own"/etc/* "$root/etc"
    elif [ "$place" != /usr ]; then put "$place"; fi
done
mkdir "$root/usr" "$root/usr/local"
for place in /usr/*; do
    case $place in /usr/local|/usr/lib32) ;; *) put "$place" ;; esac
done
[ ! -f "$own/no-pcscd" ] || mount --bind /dev/null "$root/usr/sbin/pcscd"
[ ! -d "$own/drivers" ] || mount --bind "$own/drivers" "$root/usr/lib/pcsc/drivers"
cp -r "$own/lib" "$root/usr/local/lib"
cp -r "$own/lib32" "$root/usr/lib32"
exec chroot "$root" "$@"
"#;

/// The head of an ELF shared library of 32 bits.
fn narrow() -> Vec<u8> {
    let mut head = vec![0; 52];
    head[..8].copy_from_slice(&[0x7f, b'E', b'L', b'F', 1, 1, 1, 0]);
    (head[16], head[18], head[20], head[40]) = (3, 3, 1, 52);
    head
}

/// A desk whose program looks for modules, and the folders that it will have for those of the system.
fn desk(configuration: &str) -> Desk {
    let desk = Desk::bare();
    for folder in ["home/config", "lib", "lib32", "root"] {
        std::fs::create_dir_all(desk.path(folder)).unwrap();
    }
    std::fs::write(desk.path("home/config/config.toml"), configuration).unwrap();
    desk
}

/// What the program says there to these words, as JSON.
fn told(desk: &Desk, words: &[&str]) -> Value {
    let output = there(desk, &[words, &["--json"]].concat());
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
}

/// The same with all that it says.
fn there(desk: &Desk, words: &[&str]) -> std::process::Output {
    let namespaces: &[&str] = if rustix::process::getuid().is_root() {
        &["-m"]
    } else {
        &["-r", "-m"]
    };
    Command::new("unshare")
        .args(namespaces)
        .args(["sh", "-c", NAMESPACE, "sh"])
        .arg(desk.path(""))
        .arg(env!("CARGO_BIN_EXE_trien"))
        .args(words)
        .args(["--lang", "en"])
        .env("TRIEN_HOME", desk.home())
        .env("TRIEN_SIMULATE", desk.path("moods/mood.toml"))
        .current_dir("/")
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// The findings of the doctor there, in English.
fn findings(desk: &Desk) -> Vec<Value> {
    told(desk, &["doctor"])["findings"].as_array().unwrap().clone()
}

/// What is said of this file.
#[track_caller]
fn of_file<'a>(findings: &'a [Value], file: &str) -> &'a Value {
    let about = |finding: &&Value| finding["message"].as_str().unwrap().contains(file);
    let found = findings.iter().find(about);
    found.unwrap_or_else(|| panic!("nothing of {file}: {findings:?}"))
}

fn is_named(findings: &[Value], file: &str) -> bool {
    findings
        .iter()
        .any(|finding| finding["message"].as_str().unwrap().contains(file))
}

const DISCOVER: &str = "discover = true\n[websocket]\nport = 0\n";

#[test]
fn a_32_bit_library_does_not_hide_the_good_one_beside_it() {
    let desk = desk(DISCOVER);
    std::fs::write(desk.path("lib/fptca_v4.so"), narrow()).unwrap();
    std::fs::copy(support::module::software_token(), desk.path("lib/fptca_v5.so")).unwrap();
    let told = findings(&desk);
    let good = of_file(&told, "/usr/local/lib/fptca_v5.so");
    assert_eq!((&good["code"], &good["state"]), (&"module".into(), &"ok".into()));
    assert!(good["message"].as_str().unwrap().contains("FPT-CA"), "{good}");
    assert!(!is_named(&told, "fptca_v4.so"), "{told:?}");
}

#[test]
fn a_library_in_the_folder_of_32_bit_programs_is_told_as_that_with_a_remedy() {
    let desk = desk(DISCOVER);
    std::fs::write(desk.path("lib32/libcastle.so.1.0.0"), narrow()).unwrap();
    let told = findings(&desk);
    let narrow = of_file(&told, "/usr/lib32/libcastle.so.1.0.0");
    assert_eq!(narrow["code"], "module_library");
    assert!(narrow["message"].as_str().unwrap().contains("32-bit"), "{narrow}");
    assert!(narrow["remedy"].as_str().unwrap().contains("64-bit"), "{narrow}");
}

#[test]
fn a_library_for_another_processor_is_told_as_that_with_a_remedy() {
    /// `EM_ARM`, where `e_machine` stands in the head of an ELF file.
    const ARM: [u8; 2] = [0x28, 0];
    let desk = desk(DISCOVER);
    let mut library = std::fs::read(support::module::software_token()).unwrap();
    library[18..20].copy_from_slice(&ARM);
    std::fs::write(desk.path("lib/libcastle.so.1.0.0"), library).unwrap();
    let told = findings(&desk);
    let foreign = of_file(&told, "/usr/local/lib/libcastle.so.1.0.0");
    assert_eq!(foreign["code"], "module_library");
    assert!(
        foreign["message"]
            .as_str()
            .unwrap()
            .contains("another kind of processor"),
        "{foreign}"
    );
    assert!(
        foreign["remedy"]
            .as_str()
            .unwrap()
            .contains("this computer's processor"),
        "{foreign}"
    );
}

#[test]
fn modules_past_the_sixteenth_are_not_cut_in_silence() {
    let names = [
        "vnptca_p11_v8.so",
        "fptca_v6.so",
        "libst3csp11.so",
        "libbit4xpki.so",
        "libcastle.so",
        "libcastle_v2.so",
        "libbit4ipki.so",
        "libeToken.so",
        "libIDPrimePKCS11.so",
        "libwdpkcs.so",
        "libcryptoid_pkcs11.so",
        "libacos5pkcs11.so",
        "opensc-pkcs11.so",
        "libykcs11.so",
        "libtpm2_pkcs11.so",
        "libsofthsm2.so",
        "libopencryptoki.so",
    ];
    let desk = desk(DISCOVER);
    for name in names {
        std::fs::write(desk.path("lib").join(name), name).unwrap();
    }
    let told = findings(&desk);
    let modules = told.iter().filter(|finding| {
        let code = finding["code"].as_str().unwrap();
        ["module", "module_library", "module_failed"].contains(&code)
    });
    assert_eq!(modules.count(), 16);
    let cut: Vec<_> = told
        .iter()
        .filter(|finding| finding["code"] == "config_notice")
        .collect();
    assert_eq!(cut.len(), 2, "our own module is one more: {told:?}");
    for finding in cut {
        let text = finding["message"].as_str().unwrap();
        assert!(
            text.contains("more than 16") && text.contains("is not used"),
            "{text}"
        );
        assert!(finding["remedy"].is_string(), "{finding}");
    }
}

/// What the kernel says of a reader on USB.
fn plug_in(desk: &Desk, place: &str, product: &str, ids: [&str; 2]) {
    let devices = desk.path("sys/bus/usb/devices");
    let (interface, device) = (devices.join(format!("{place}:1.0")), devices.join(place));
    for folder in [&interface, &device] {
        std::fs::create_dir_all(folder).unwrap();
    }
    std::fs::write(interface.join("bInterfaceClass"), "0b\n").unwrap();
    let facts = [
        ("manufacturer", "Longmai"),
        ("product", product),
        ("idVendor", ids[0]),
        ("idProduct", ids[1]),
    ];
    for (name, value) in facts {
        std::fs::write(device.join(name), format!("{value}\n")).unwrap();
    }
}

/// Readers are plugged in: one that the driver names, and one that it does not; then there is no driver at all.
#[test]
fn a_reader_whose_driver_is_missing_is_told_from_one_that_the_driver_does_not_know() {
    let desk = desk(DISCOVER);
    plug_in(&desk, "1-1", "mToken K5", ["055c", "f603"]);
    plug_in(&desk, "1-2", "mToken K99", ["055c", "ffff"]);
    let contents = desk.path("drivers/ifd-ccid.bundle/Contents");
    std::fs::create_dir_all(&contents).unwrap();
    let plist = "<key>ifdVendorID</key><array><string>0x055C</string></array>\n\
                 <key>ifdProductID</key><array><string>0xF603</string></array>\n";
    std::fs::write(contents.join("Info.plist"), plist).unwrap();
    let told = findings(&desk);
    let named = of_file(&told, "mToken K5 (055c:f603)");
    assert_eq!(
        (&named["code"], &named["state"]),
        (&"reader".into(), &"ok".into())
    );
    let other = of_file(&told, "mToken K99 (055c:ffff)");
    assert_eq!(
        (&other["code"], &other["state"]),
        (&"reader_not_named".into(), &"error".into())
    );
    assert!(other["remedy"].as_str().unwrap().contains("newer"), "{other}");
    std::fs::remove_dir_all(desk.path("drivers/ifd-ccid.bundle")).unwrap();
    let told = findings(&desk);
    for reader in ["mToken K5", "mToken K99"] {
        let missing = of_file(&told, reader);
        assert_eq!(missing["code"], "reader_no_driver", "{missing}");
        assert!(
            missing["remedy"].as_str().unwrap().contains("libccid"),
            "{missing}"
        );
    }
}

/// No program of the service, and no socket: nothing that could be started, where one that is installed can. It matters
/// where there is a reader, in the list of tokens too.
#[test]
fn n113_a_service_that_is_not_installed_is_told_from_one_that_does_not_run() {
    let desk = desk(DISCOVER);
    let of_service = || {
        let told = findings(&desk);
        let is_it = |finding: &&Value| finding["code"].as_str().unwrap().starts_with("pcscd");
        let found = told.iter().find(is_it).unwrap();
        let text = |name: &str| found[name].as_str().unwrap().to_owned();
        (text("code"), text("state"), text("remedy"))
    };
    let listed = || {
        let output = there(&desk, &["token", "list"]);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    let start = "Start it: sudo systemctl start pcscd.socket";
    let install = "Have it installed: sudo apt install pcscd.";
    let (code, state, remedy) = of_service();
    assert_eq!(
        (code.as_str(), state.as_str(), remedy.as_str()),
        ("pcscd_stopped", "warning", start)
    );
    std::fs::write(desk.path("no-pcscd"), "").unwrap();
    let (code, state, remedy) = of_service();
    assert_eq!(
        (code.as_str(), state.as_str(), remedy.as_str()),
        ("pcscd_absent", "warning", install)
    );
    assert!(!listed().contains("pcscd"), "nobody lacks it");
    plug_in(&desk, "1-1", "mToken K5", ["055c", "f603"]);
    assert_eq!(of_service().1, "error");
    let told = listed();
    assert!(
        told.contains("no smart card service") && told.contains(install),
        "{told}"
    );
    std::fs::remove_file(desk.path("no-pcscd")).unwrap();
    assert_eq!(of_service().0, "pcscd_stopped");
    let told = listed();
    assert!(told.contains("does not run") && told.contains(start), "{told}");
}

/// A row for the simulator's module, which needs two folders: of its script, and of the token.
fn row(name: &str, folders: &[std::path::PathBuf]) -> String {
    format!(
        "[[modules]]\nname = {name:?}\npath = {:?}\nfolders = {folders:?}\nenvironment = [\"TRIEN_SIMULATE\", \
         \"TRIEN_HOME\"]\n",
        support::module::simulator()
    )
}

/// The rows of the user's configuration and of the administrator's policy, with several folders each: a module reaches all
/// of them, and the administrator's rows stand in place of the user's.
#[test]
fn rows_of_the_user_and_of_the_administrator_have_all_the_folders_that_they_name() {
    let desk = Desk::with_token();
    for folder in ["lib", "lib32", "root", "moods", "home/config"] {
        std::fs::create_dir_all(desk.path(folder)).unwrap();
    }
    std::fs::write(desk.path("moods/mood.toml"), "").unwrap();
    let both = [desk.path("moods"), desk.home()];
    let user = |rows: &str| {
        let config = format!("discover = false\n[websocket]\nport = 0\n[cards]\npiv = false\n{rows}");
        std::fs::write(desk.home().join("config/config.toml"), config).unwrap();
    };
    let modules_with_tokens = || -> Vec<String> {
        let listed = told(&desk, &["token", "list"]);
        let ready = listed
            .as_array()
            .unwrap()
            .iter()
            .filter(|one| one["label"] == support::TOKEN);
        ready
            .map(|one| one["module"].as_str().unwrap().to_owned())
            .collect()
    };
    let state_of = |name: &str| {
        let findings = findings(&desk);
        let about = findings.iter().find(|finding| {
            ["module", "module_failed"].contains(&finding["code"].as_str().unwrap())
                && finding["message"].as_str().unwrap().contains(name)
        });
        about.map(|finding| finding["state"].as_str().unwrap().to_owned())
    };
    user(&row("own", &both));
    assert_eq!(modules_with_tokens(), ["own"]);
    assert_eq!(state_of("own").as_deref(), Some("ok"));
    std::fs::create_dir_all(desk.path("etc/trien")).unwrap();
    let policy = format!("discover = false\n{}", row("issued", &both));
    std::fs::write(desk.path("etc/trien/policy.toml"), policy).unwrap();
    user(&row("own", &both));
    assert_eq!(modules_with_tokens(), ["issued"]);
    assert_eq!(state_of("issued").as_deref(), Some("ok"));
    assert_eq!(state_of("own"), None);
}

/// The administrator's word on discovery counts in both directions, whether he names modules or not.
#[test]
fn the_administrator_has_modules_looked_for_or_not_whatever_the_user_says() {
    let desk = desk("");
    std::fs::copy(support::module::software_token(), desk.path("lib/fptca_v5.so")).unwrap();
    std::fs::create_dir_all(desk.path("etc/trien")).unwrap();
    let is_found = |own: &str, policy: &str| {
        let config = format!("{own}\n[websocket]\nport = 0\n");
        std::fs::write(desk.path("home/config/config.toml"), config).unwrap();
        std::fs::write(desk.path("etc/trien/policy.toml"), policy).unwrap();
        is_named(&findings(&desk), "/usr/local/lib/fptca_v5.so")
    };
    for (own, policy, found) in [
        ("", "discover = true\n", true),
        ("discover = false", "discover = true\n", true),
        ("modules = []", "discover = true\n", true),
        ("discover = true", "discover = false\n", false),
        ("discover = true", "", true),
        ("discover = true", "modules = []\n", false),
    ] {
        assert_eq!(is_found(own, policy), found, "{own:?} {policy:?}");
    }
}

/// A row of the user's or the administrator's, for a module that no list knows.
fn described(name: &str, library: &str, more: &str) -> String {
    format!("[[modules]]\nname = {name:?}\nlibraries = [\"libother.so.9\", {library:?}]\n{more}")
}

/// Rows as those of the list of known modules: the library is found by its name, and the doctor says whose it is. The
/// administrator's stand in place of the user's.
#[test]
fn rows_of_the_user_and_of_the_administrator_are_discovered_as_those_of_the_list() {
    let desk = desk("");
    std::fs::copy(support::module::software_token(), desk.path("lib/libotherca.so")).unwrap();
    let elsewhere = desk.path("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    std::fs::copy(support::module::software_token(), elsewhere.join("libissued.so")).unwrap();
    let user = |rows: &str| {
        let config = format!("discover = false\n[websocket]\nport = 0\n{rows}");
        std::fs::write(desk.path("home/config/config.toml"), config).unwrap();
    };
    user(&described(
        "other-ca",
        "libotherca.so",
        "maker = \"Other Maker\"\nca = \"Other CA\"\n",
    ));
    let told = findings(&desk);
    let found = of_file(&told, "/usr/local/lib/libotherca.so");
    assert_eq!(
        (&found["code"], &found["state"]),
        (&"module".into(), &"ok".into())
    );
    let message = found["message"].as_str().unwrap();
    assert!(
        message.contains("other-ca") && message.contains("(Other Maker, Other CA)"),
        "{message}"
    );
    // One whose library is not here is said so, and costs nothing else.
    user(&described("other-ca", "libnowhere.so", ""));
    let told = findings(&desk);
    let notice = of_file(&told, "libnowhere.so");
    assert_eq!(notice["code"], "config_notice");
    assert!(
        notice["message"]
            .as_str()
            .unwrap()
            .contains("none of its libraries"),
        "{notice}"
    );
    // The administrator's, in a folder that his row names.
    std::fs::create_dir_all(desk.path("etc/trien")).unwrap();
    let folders = format!("library_folders = [{elsewhere:?}]\nca = \"Issued CA\"\n");
    let policy = format!(
        "discover = false\n{}",
        described("issued", "libissued.so", &folders)
    );
    std::fs::write(desk.path("etc/trien/policy.toml"), policy).unwrap();
    user(&described("other-ca", "libotherca.so", ""));
    let told = findings(&desk);
    let issued = of_file(&told, "libissued.so");
    assert!(
        issued["message"].as_str().unwrap().contains("(Issued CA)"),
        "{issued}"
    );
    assert!(!is_named(&told, "libotherca.so"), "{told:?}");
}
