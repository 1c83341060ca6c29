//! The known modules: the data file `modules.toml`, and which of its rows are on this computer.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use serde::Deserialize;

use super::library;
use crate::config::ModuleConfig;

/// Where libraries lie on Linux: of the system, of a distribution's PKCS #11 modules, and put there by hand. Last come
/// those of 32-bit programs: what is only there is told as what it is, not as missing.
const FOLDERS: [&str; 11] = [
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib/x86_64-linux-gnu/pkcs11",
    "/usr/lib/aarch64-linux-gnu",
    "/usr/lib64",
    "/usr/lib64/pkcs11",
    "/usr/lib",
    "/usr/lib/pkcs11",
    "/usr/local/lib",
    "/usr/local/lib/pkcs11",
    "/usr/lib/i386-linux-gnu",
    "/usr/lib32",
];

/// One known module; `modules.toml` says what each field means.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KnownModule {
    /// What it is called here.
    pub name: String,
    /// Who made it.
    pub maker: String,
    /// Whose tokens it comes with.
    pub ca: Option<String>,
    /// Which chips it is known to drive.
    #[serde(default)]
    pub chips: Vec<String>,
    /// Library names on Linux.
    #[serde(default)]
    pub linux: Vec<String>,
    /// The same, of libraries for 32-bit programs, which are not loaded.
    #[serde(default)]
    pub linux32: Vec<String>,
    /// Names that a library may have on Linux, which nobody has seen there.
    #[serde(default)]
    pub supposed: Vec<String>,
    /// Library names on Windows.
    #[serde(default)]
    pub windows: Vec<String>,
    /// Library names on macOS.
    #[serde(default)]
    pub macos: Vec<String>,
    /// Further folders on Linux.
    #[serde(default)]
    pub folders: Vec<PathBuf>,
    /// It cannot work without the network.
    #[serde(default)]
    pub network: bool,
    /// Folders below home.
    #[serde(default)]
    pub home: Vec<PathBuf>,
    /// Variables of the environment.
    #[serde(default)]
    pub environment: Vec<String>,
    /// `C_Logout` leaves the card logged in: it is logged out, or reset, after the work.
    #[serde(default)]
    pub reset: bool,
    /// A process of it that is killed leaves objects in the device, until that is full.
    #[serde(default)]
    pub leaves: bool,
    /// Why none is known for Linux.
    pub remedy: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    module: Vec<KnownModule>,
}

static KNOWN: LazyLock<Vec<KnownModule>> = LazyLock::new(|| {
    let table: Table = toml::from_str(include_str!("modules.toml")).expect("a test reads the table");
    table.module
});

/// Every row.
#[must_use]
pub fn known() -> &'static [KnownModule] {
    &KNOWN
}

/// The row of a module by the name of its library, whatever the configuration calls it.
#[must_use]
pub fn of_library(library: &Path) -> Option<&'static KnownModule> {
    let name = library.file_name()?.to_str()?;
    known().iter().find(|row| row.names().any(|known| known == name))
}

/// The rows of modules that are known to drive a card of this name (see [`super::pcsc::names`]), those of the
/// configuration among them: for people, who may have to install one. No module is chosen by it.
pub fn of_chip<'a>(configured: &'a [KnownModule], card: &'a str) -> impl Iterator<Item = &'a KnownModule> {
    let unchanged = |row: &&KnownModule| !configured.iter().any(|own| own.name == row.name);
    let all = configured.iter().chain(known().iter().filter(unchanged));
    all.filter(move |row| row.chips.iter().any(|chip| card.contains(chip.as_str())))
}

/// The known modules on this computer, one for each file: a library that lies in several places by links is one. Of the
/// files of a row, the first that may be loaded ([`library::check`]); if none may, the first, which is then told with
/// what is wrong with it.
#[must_use]
pub fn discover() -> Vec<ModuleConfig> {
    discover_in(known(), &FOLDERS.map(PathBuf::from))
}

fn discover_in(rows: &[KnownModule], folders: &[PathBuf]) -> Vec<ModuleConfig> {
    let mut seen = HashSet::new();
    let mut found = Vec::new();
    for row in rows {
        if let Some(file) = row.find(folders, &seen) {
            seen.extend(file.canonicalize());
            found.push(ModuleConfig::known(row, file));
        }
    }
    found
}

impl KnownModule {
    /// The library of this row that is on this computer.
    #[must_use]
    pub fn library(&self) -> Option<PathBuf> {
        self.find(&FOLDERS.map(PathBuf::from), &HashSet::new())
    }

    /// Every name that a library of this row may have on Linux, in the order in which they are preferred.
    fn names(&self) -> impl Iterator<Item = &String> {
        self.linux.iter().chain(&self.supposed).chain(&self.linux32)
    }

    /// One file a row: the others are older versions, or links to it.
    fn find(&self, folders: &[PathBuf], seen: &HashSet<PathBuf>) -> Option<PathBuf> {
        let places = self.folders.iter().chain(folders);
        let files = places.flat_map(|folder| self.names().map(move |name| folder.join(name)));
        let is_new = |path: &PathBuf| {
            let resolved = path.canonicalize();
            resolved.is_ok_and(|resolved| resolved.is_file() && !seen.contains(&resolved))
        };
        let files: Vec<_> = files.filter(is_new).collect();
        let sound = files.iter().find(|path| library::check(path, None).is_ok());
        sound.or(files.first()).cloned()
    }
}

impl ModuleConfig {
    /// A library as its row says: with the folders and variables that it needs.
    #[must_use]
    pub fn known(row: &KnownModule, path: PathBuf) -> Self {
        let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
        Self {
            network: row.network,
            folders: row.home.iter().map(|folder| home.join(folder)).collect(),
            environment: row.environment.clone(),
            reset: row.reset,
            ..Self::new(&row.name, path)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_authority_has_a_row_and_every_row_makes_sense() {
        let names: Vec<_> = known().iter().map(|row| row.name.as_str()).collect();
        let unique: HashSet<_> = names.iter().collect();
        assert_eq!(unique.len(), names.len(), "a name stands twice");
        for authority in [
            "VNPT-CA",
            "Viettel-CA",
            "FPT-CA",
            "Bkav-CA",
            "CA2",
            "MISA-CA",
            "TrustCA",
            "VGCA",
        ] {
            assert!(
                known().iter().any(|row| row.ca.as_deref() == Some(authority)),
                "{authority}"
            );
        }
        for row in known() {
            assert!(
                row.name
                    .bytes()
                    .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-')),
                "{}",
                row.name
            );
            assert!(
                !row.linux.is_empty() || !row.linux32.is_empty() || row.remedy.is_some(),
                "{}",
                row.name
            );
            assert!(row.remedy.is_none() || row.linux.is_empty(), "{}", row.name);
            assert!(row.home.iter().all(|folder| folder.is_relative()), "{}", row.name);
            assert!(
                row.folders.iter().all(|folder| folder.is_absolute()),
                "{}",
                row.name
            );
        }
    }

    /// What public lists of the vendors' plug-ins name: for Windows, Linux and macOS, and for 32-bit Linux.
    #[test]
    fn each_authority_has_the_libraries_that_are_known_of_it_and_no_other_for_linux() {
        const OF_VNPT: &str = "vnptca_p11_v6.dll vnptca_p11_v7.dll vnptca_p11_v8.dll vnptca_p11_v9.dll \
            vnptca_p11_v10.dll vnpt-ca_csp11.dll vnpt-ca_v34.dll vnpt-ca_v4.dll vnpt-ca_cl_v1.dll vnptcamobile.dll \
            wdpkcs.dll";
        const OF_VIETTEL: &str = "viettel-ca.dll viettel-ca_v1.dll viettel-ca_v2.dll viettel-ca_v3.dll \
            viettel-ca_v4.dll viettel-ca_v5.dll viettel-ca_v6.dll viettel-ca_s.dll viettel-ca_v2_csp.dll \
            viettel-ca_v2_s.x64.dll";
        const OF_VIETTEL_ON_MACOS: &str = "/usr/local/lib/viettel-ca_v4.dylib /usr/local/lib/viettel-ca_v5.dylib \
            /usr/local/lib/viettel-ca_v6.dylib";
        const OF_FPT: &str = "fpt-ca.dll fpt-ca-stx.dll fptca_v3.dll fptca_v3_s.dll fptca_v4.dll fptca_v5.dll \
            fptca_v6.dll fpt-ca_v4.dll fpt-ca_v5.dll";
        const OF_BKAV: &str = "BkavCA.dll BkavCAv2S.dll BkavCAv2T.dll BkavCAv25.dll bkavcaetoken.dll \
            bkavcaetoken_p11.dll bkavcsp.dll beidcsp.dll beidpkcs11D.dll st3csp11.dll";
        const OF_CA2: &str = "CA2_v34.dll CA2_csp11.dll CA2CSP11_v2.dll ca2_ace_csp11.dll ncca_csp11_v1.dll \
            nca_v4.dll nca_v5.dll nca_v6.dll nca_v7.dll nca_v8.dll nca_v9.dll nca_eps2k2a.dll nca_eps2k3a.dll";
        // Authority, Windows, Linux, 32-bit Linux, macOS.
        let expected = [
            ("VNPT-CA", OF_VNPT, "", "", ""),
            ("Viettel-CA", OF_VIETTEL, "", "", OF_VIETTEL_ON_MACOS),
            ("FPT-CA", OF_FPT, "", "fptca_v4.so", ""),
            ("Bkav-CA", OF_BKAV, "", "", ""),
            ("CA2", OF_CA2, "", "", "nca_v6.dylib"),
            ("MISA-CA", "misaca_csp11_v2.dll", "", "", ""),
            (
                "TrustCA",
                "eTPKCS11.dll SignatureP11.dll bit4xpki.dll",
                "",
                "",
                "",
            ),
            (
                "VGCA",
                "bit4xpki.dll eTPKCS11.dll gclib.dll",
                "libbit4xpki.so",
                "",
                "",
            ),
        ];
        for (authority, windows, linux, narrow, macos) in expected {
            let row = known().iter().find(|row| row.ca.as_deref() == Some(authority));
            let row = row.expect("a row");
            for (names, expected) in [
                (&row.windows, windows),
                (&row.linux, linux),
                (&row.linux32, narrow),
                (&row.macos, macos),
            ] {
                let expected: Vec<_> = expected.split_whitespace().collect();
                assert_eq!(names, &expected, "{authority}");
            }
        }
        let of_authorities = known().iter().filter(|row| row.ca.is_some()).count();
        assert_eq!(of_authorities, expected.len());
    }

    /// Whatever a person reads of a card leads to those who drive it, and to nobody else: the driver of the one Bit4id card
    /// is not that of the other.
    #[test]
    fn each_card_with_a_name_leads_to_its_drivers() {
        const EPASS2003: &str = "vnpt-ca viettel-ca fpt-ca feitian-epass2003 feitian-epass2003-v2 opensc";
        let expected = [
            ("Feitian ePass2003", EPASS2003),
            ("Feitian ePass3000", "feitian-epass3000"),
            ("Bit4id xPKI (TokenME EVO v2)", "vgca"),
            ("Bit4id / ChipDoc", "vgca"),
            ("Bit4id TokenME", "bit4id"),
            ("WatchData ProxKey", "vnpt-ca watchdata"),
            ("WatchData WatchKey", "vnpt-ca watchdata"),
            ("Longmai mToken CryptoID", "longmai"),
            ("SafeNet eToken 5110", "safenet-etoken"),
            ("SafeNet eToken 5110+", "safenet-etoken"),
            ("SafeNet eToken PRO 72K", "safenet-etoken"),
        ];
        let names: Vec<_> = crate::tokens::pcsc::names::all().collect();
        assert_eq!(names, expected.map(|(name, _)| name));
        for (name, drivers) in expected {
            let found: Vec<_> = of_chip(&[], name).map(|row| row.name.as_str()).collect();
            assert_eq!(found.join(" "), drivers, "{name}");
        }
    }

    /// The two cards of the government's authority, as they answer to reset, and what is to be installed for them.
    #[test]
    fn both_cards_of_vgca_lead_to_the_library_that_it_hands_out() {
        for atr in [
            "3bff1800008131fe45006b150c03020101014234441031800d",
            "3bdf18ff8191fe1fc30031b8640c01ecc173940180829000b3",
        ] {
            let atr = hex::decode(atr).expect("an answer to reset");
            let name = crate::tokens::pcsc::names::of_atr(&atr).expect("a card that is known");
            let rows: Vec<_> = of_chip(&[], name).collect();
            let [row] = rows[..] else {
                panic!("{name}: {rows:?}")
            };
            assert_eq!(
                (row.name.as_str(), row.linux[0].as_str()),
                ("vgca", "libbit4xpki.so")
            );
        }
    }

    #[test]
    fn a_library_is_found_once_by_whatever_links() {
        // Without the folders of this computer, where there may be some.
        let mut rows = known().to_vec();
        rows.iter_mut().for_each(|row| row.folders.clear());
        let folder = tempfile::tempdir().expect("a folder");
        let [one, two] = ["one", "two"].map(|name| folder.path().join(name));
        for place in [&one, &two] {
            std::fs::create_dir(place).expect("a folder");
        }
        std::fs::write(one.join("opensc-pkcs11.so"), b"").expect("a file");
        std::os::unix::fs::symlink(one.join("opensc-pkcs11.so"), two.join("opensc-pkcs11.so"))
            .expect("a link");
        std::os::unix::fs::symlink(one.join("opensc-pkcs11.so"), two.join("libykcs11.so")).expect("a link");
        let found = discover_in(&rows, &[one.clone(), two]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(
            (found[0].name.as_str(), &found[0].path),
            ("opensc", &one.join("opensc-pkcs11.so"))
        );
        assert!(found[0].reset, "as its row says");
    }

    #[test]
    fn a_library_that_may_be_loaded_is_taken_before_one_that_may_not() {
        let row = KnownModule {
            folders: Vec::new(),
            ..known()
                .iter()
                .find(|row| row.name == "fpt-ca")
                .expect("a row")
                .clone()
        };
        let folder = tempfile::tempdir().expect("a folder");
        let [wide, narrow] = ["lib", "lib32"].map(|name| folder.path().join(name));
        for place in [&wide, &narrow] {
            std::fs::create_dir(place).expect("a folder");
        }
        let found = || {
            let found = discover_in(std::slice::from_ref(&row), &[wide.clone(), narrow.clone()]);
            assert_eq!(found.len(), 1, "{found:?}");
            found[0].path.clone()
        };
        // ELFCLASS32, of which the head alone is there.
        let mut head = vec![0; 52];
        head[..8].copy_from_slice(&[0x7f, b'E', b'L', b'F', 1, 1, 1, 0]);
        (head[16], head[18], head[20], head[40]) = (3, 3, 1, 52);
        std::fs::write(narrow.join("fptca_v5.so"), &head).expect("a file");
        assert_eq!(found(), narrow.join("fptca_v5.so"), "nothing else is there");
        std::fs::write(wide.join("fptca_v4.so"), &head).expect("a file");
        assert_eq!(
            found(),
            wide.join("fptca_v4.so"),
            "the first, for what is wrong with it"
        );
        assert_eq!(library::check(&found(), None), Err(library::LibraryFault::Bits32));
    }
}
