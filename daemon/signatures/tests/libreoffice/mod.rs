//! LibreOffice, headless, as a maker, a signer and a judge of Office documents. Its certificates are those of an NSS
//! database that trusts our test authority; its macro (`Judge.xba`) does what a file of commands says.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::openssl::{Identity, Pki};

const LIBRARY: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE library:library PUBLIC "-//OpenOffice.org//DTD OfficeDocument 1.0//EN" "library.dtd">
<library:library xmlns:library="http://openoffice.org/2000/library" library:name="Standard" library:readonly="false" library:passwordprotected="false">
 <library:element library:name="Judge"/>
</library:library>
"#;

const DIALOGS: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE library:library PUBLIC "-//OpenOffice.org//DTD OfficeDocument 1.0//EN" "library.dtd">
<library:library xmlns:library="http://openoffice.org/2000/library" library:name="Standard" library:readonly="false" library:passwordprotected="false"/>
"#;

/// Says that the profile is complete, or its first start would overwrite the macro.
const COMPLETE: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<oor:items xmlns:oor="http://openoffice.org/2001/registry" xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
<item oor:path="/org.openoffice.Setup/Office"><prop oor:name="ooSetupInstCompleted" oor:op="fuse"><value>true</value></prop></item>
</oor:items>
"#;

fn libraries(file: &str) -> String {
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE library:libraries PUBLIC "-//OpenOffice.org//DTD OfficeDocument 1.0//EN" "libraries.dtd">
<library:libraries xmlns:library="http://openoffice.org/2000/library" xmlns:xlink="http://www.w3.org/1999/xlink">
 <library:library library:name="Standard" xlink:href="$(USER)/basic/Standard/{file}/" xlink:type="simple" library:link="false"/>
</library:libraries>
"#
    )
}

/// LibreOffice with a profile of its own.
pub(crate) struct LibreOffice {
    folder: PathBuf,
}

impl LibreOffice {
    /// Trusts the root of `pki`, and can sign as `signer`.
    pub(crate) fn new(pki: &Pki, signer: &Identity) -> Self {
        let folder = pki.workshop.path("libreoffice");
        let basic = folder.join("profile/user/basic/Standard");
        std::fs::create_dir_all(&basic).unwrap();
        std::fs::create_dir_all(folder.join("nss")).unwrap();
        std::fs::write(basic.join("script.xlb"), LIBRARY).unwrap();
        std::fs::write(basic.join("dialog.xlb"), DIALOGS).unwrap();
        std::fs::write(basic.join("Judge.xba"), include_str!("Judge.xba")).unwrap();
        let above = basic.parent().unwrap();
        std::fs::write(above.with_file_name("registrymodifications.xcu"), COMPLETE).unwrap();
        std::fs::write(above.join("script.xlc"), libraries("script.xlb")).unwrap();
        std::fs::write(above.join("dialog.xlc"), libraries("dialog.xlb")).unwrap();
        let office = Self { folder };
        let certificate = |name: &str| pki.workshop.path(&format!("{name}.crt"));
        office.tool("certutil", &["-N", "--empty-password"]);
        for (name, trust) in [("root", "CT,C,C"), ("ca", ",,")] {
            let file = certificate(name);
            let file = file.to_str().unwrap();
            office.tool("certutil", &["-A", "-n", name, "-t", trust, "-i", file]);
        }
        let store = pki.workshop.path("signer.p12");
        pki.workshop.run(&[
            "pkcs12",
            "-export",
            "-inkey",
            signer.key.to_str().unwrap(),
            "-in",
            certificate(&signer.name).to_str().unwrap(),
            "-passout",
            "pass:x",
            "-certpbe",
            "PBE-SHA1-3DES",
            "-keypbe",
            "PBE-SHA1-3DES",
            "-macalg",
            "sha1",
            "-out",
            store.to_str().unwrap(),
        ]);
        office.tool("pk12util", &["-W", "x", "-i", store.to_str().unwrap()]);
        office
    }

    fn database(&self) -> String {
        format!("sql:{}", self.folder.join("nss").display())
    }

    fn tool(&self, program: &str, arguments: &[&str]) {
        let output = Command::new(program)
            .args(["-d", &self.database()])
            .args(arguments)
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{program}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Does these things in one run, and gives what it answers to each.
    pub(crate) fn run(&self, commands: &[(&str, &Path)]) -> Vec<String> {
        let (script, answers) = (self.folder.join("commands"), self.folder.join("answers"));
        let lines: String = commands
            .iter()
            .map(|(verb, path)| format!("{verb}|{}\n", path.display()))
            .collect();
        std::fs::write(&script, lines).unwrap();
        let _ = std::fs::remove_file(&answers);
        let profile = self.folder.join("profile");
        let output = Command::new("soffice")
            .arg(format!("-env:UserInstallation=file://{}", profile.display()))
            .args(["--headless", "--norestore"])
            .arg(format!(
                "macro:///Standard.Judge.Main(\"{}\",\"{}\")",
                script.display(),
                answers.display()
            ))
            .env("MOZILLA_CERTIFICATE_FOLDER", self.database())
            .env("HOME", &self.folder)
            .output()
            .unwrap();
        let answered = std::fs::read_to_string(&answers).unwrap_or_else(|error| {
            panic!(
                "LibreOffice gave no answers: {error}: {}",
                String::from_utf8_lossy(&output.stderr)
            )
        });
        let answered: Vec<String> = answered.lines().map(str::to_owned).collect();
        assert_eq!(answered.len(), commands.len(), "{answered:?}");
        answered
    }

    /// What it says of each signature of these documents: whether it is valid, and that its certificate is.
    pub(crate) fn judge(&self, documents: &[(&str, &[u8])]) -> Vec<Vec<bool>> {
        let paths: Vec<PathBuf> = documents
            .iter()
            .map(|(name, bytes)| {
                let path = self.path(name);
                std::fs::write(&path, bytes).unwrap();
                path
            })
            .collect();
        let commands: Vec<(&str, &Path)> = paths.iter().map(|path| ("verify", path.as_path())).collect();
        let answers = self.run(&commands);
        answers
            .iter()
            .map(|answer| {
                let mut parts = answer.split('|');
                assert_eq!(parts.next(), Some("signatures"), "{answer}");
                parts.map(|one| one.starts_with("True;0;")).collect()
            })
            .collect()
    }
}
