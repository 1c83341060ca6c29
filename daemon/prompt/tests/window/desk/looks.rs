//! What is to be seen of a question on the screen, and what assistive technology is told of it.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use super::asked::Asked;
use super::{ARMED, wait_for};

impl Asked<'_> {
    /// Resident memory in KiB.
    pub(crate) fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// What assistive technology is told of the window and all that is in it.
    pub(crate) fn accessible(&self) -> Accessible {
        Self::told("the window on the accessibility bus", || self.assistive("tree"))
    }

    /// The parts of the label of that name as they are shown, each with how bold it is: 400 is usual.
    pub(crate) fn weights(&self, label: &str) -> Vec<(String, u32)> {
        Self::told(label, || {
            let mut command = self.assistive("weights");
            command.arg(label);
            command
        })
    }

    /// What the script prints, once it finds what is asked for.
    fn told<T: serde::de::DeserializeOwned>(what: &str, script: impl Fn() -> Command) -> T {
        wait_for(what, || {
            let output = script().output().expect("this test needs Python");
            let told = String::from_utf8_lossy(&output.stderr);
            match output.status.code() {
                Some(3) => None,
                Some(0) => Some(serde_json::from_slice(&output.stdout).unwrap()),
                status => panic!("{status:?}: {told}"),
            }
        })
    }

    /// The role of what has the keyboard.
    pub(crate) fn focused(&self) -> Option<String> {
        let tree = self.accessible();
        let focused = tree.all().into_iter().find(|node| node.is("FOCUSED"));
        focused.map(|node| node.role.clone())
    }

    /// Everything that assistive technology is told of changes of texts while the person does that.
    pub(crate) fn changes_heard(&self, doing: impl FnOnce()) -> Vec<String> {
        let mut listener = self
            .assistive("changes")
            .stdout(Stdio::piped())
            .spawn()
            .expect("this test needs Python");
        let mut lines = BufReader::new(listener.stdout.take().unwrap()).lines();
        assert_eq!(lines.next().unwrap().unwrap(), "listening");
        doing();
        // What is on the bus by now is delivered by then.
        std::thread::sleep(ARMED);
        listener.kill().unwrap();
        listener.wait().unwrap();
        lines.map(Result::unwrap).collect()
    }

    fn assistive(&self, what: &str) -> Command {
        let mut command = self.with_bindings("accessible.py");
        command.args([what, &self.process.id().to_string()]);
        command
    }

    /// The window as it is on the screen: its width in pixels, and the brightness of each pixel.
    pub(crate) fn brightness(&self) -> (usize, Vec<u8>) {
        let imported = Command::new("import")
            .args([
                "-window",
                &self.window,
                "-colorspace",
                "Gray",
                "-depth",
                "8",
                "pgm:-",
            ])
            .env("DISPLAY", &self.desk.display)
            .output()
            .expect("this test needs ImageMagick");
        assert!(imported.status.success());
        // PGM: "P5", width, height and the greatest value, a white space after each, then a byte a pixel.
        let mut parts = imported.stdout.splitn(4, |byte| byte.is_ascii_whitespace());
        let [Some(b"P5"), Some(width), Some(_), Some(rest)] = [(); 4].map(|()| parts.next()) else {
            panic!("no PGM");
        };
        let pixels = rest.strip_prefix(b"255\n").expect("a byte a pixel").to_vec();
        (std::str::from_utf8(width).unwrap().parse().unwrap(), pixels)
    }

    /// A small picture of the window.
    pub(crate) fn photograph(&self, file: &Path) {
        let raw = self.desk.home.path().join("raw.png");
        let imported = Command::new("import")
            .args(["-window", &self.window])
            .arg(&raw)
            .env("DISPLAY", &self.desk.display)
            .status()
            .expect("this test needs ImageMagick");
        let small = Command::new("convert")
            .arg(&raw)
            .args([
                "+dither",
                "-colors",
                "64",
                "-strip",
                "-define",
                "png:compression-level=9",
            ])
            .arg(file)
            .status()
            .expect("this test needs ImageMagick");
        assert!(imported.success() && small.success());
    }
}

/// A node of the accessibility tree (AT-SPI).
#[derive(Debug, serde::Deserialize)]
pub(crate) struct Accessible {
    pub(crate) role: String,
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) states: Vec<String>,
    /// Left and upper edge, width and height, from the window's corner in its own pixels.
    #[serde(default)]
    pub(crate) extents: Option<[i32; 4]>,
    #[serde(default)]
    pub(crate) text: Option<String>,
    pub(crate) children: Vec<Self>,
}

impl Accessible {
    /// It and all below it, in the order in which a screen reader walks them.
    pub(crate) fn all(&self) -> Vec<&Self> {
        let below = self.children.iter().flat_map(Self::all);
        std::iter::once(self).chain(below).collect()
    }

    /// Whether it is one of the buttons below everything else.
    pub(crate) fn is_a_decision(&self) -> bool {
        const DECISIONS: [&str; 7] = [
            "Từ chối",
            "Dừng lại",
            "Đóng",
            "Ký",
            "Cho xem",
            "Cho phép",
            "Đăng nhập",
        ];
        DECISIONS.iter().any(|words| self.name.starts_with(words))
            || ["Refuse", "Sign"].contains(&self.name.as_str())
    }

    pub(crate) fn is(&self, state: &str) -> bool {
        self.states.iter().any(|present| present == state)
    }
}
