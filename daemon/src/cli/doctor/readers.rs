//! The smart card service, and the readers that the computer sees.

use std::io::ErrorKind;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use super::{Finding, Weight};

/// Where pcscd listens, unless the environment says otherwise as for every program of its library.
const SOCKET: &str = "/run/pcscd/pcscd.comm";

/// Where pcscd finds its drivers.
const DRIVERS: [&str; 3] = [
    "/usr/lib/pcsc/drivers",
    "/usr/lib/x86_64-linux-gnu/pcsc/drivers",
    "/usr/lib64/pcsc/drivers",
];

/// bInterfaceClass of readers: Smart Card (USB CCID 1.1, 4.4).
const CCID: &str = "0b";

pub(super) fn look() -> Vec<Finding> {
    let readers = on_usb(Path::new("/sys/bus/usb/devices"));
    let socket = std::env::var_os("PCSCLITE_CSOCK_NAME").map_or_else(|| PathBuf::from(SOCKET), PathBuf::from);
    let mut findings = vec![service(&socket, !readers.is_empty())];
    let driver = DRIVERS
        .iter()
        .any(|folder| Path::new(folder).join("ifd-ccid.bundle").is_dir());
    for name in readers {
        findings.push(if driver {
            Finding::fine("doctor-reader", [("reader", name)])
        } else {
            Finding::new(Weight::Trouble, "doctor-reader-no-driver", [("reader", name)])
        });
    }
    findings
}

/// Without a reader nobody needs the service: software tokens work without.
fn service(socket: &Path, needed: bool) -> Finding {
    let weight = if needed { Weight::Trouble } else { Weight::Warning };
    match UnixStream::connect(socket) {
        Ok(_) => Finding::fine("doctor-pcscd", []),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            Finding::new(weight, "doctor-pcscd-not-allowed", [])
                .with_remedy("error-reader-not-allowed-remedy")
        }
        Err(_) => {
            Finding::new(weight, "doctor-pcscd-absent", []).with_remedy("error-reader-service-stopped-remedy")
        }
    }
}

/// The readers among the devices on USB, by the names they give themselves.
fn on_usb(devices: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(devices).into_iter().flatten();
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let mut names: Vec<String> = paths
        .filter(|path| value(path, "bInterfaceClass").as_deref() == Some(CCID))
        .filter_map(|interface| {
            // An interface is called after its device: 1-2:1.0 of 1-2.
            let device = interface.file_name()?.to_str()?.split_once(':')?.0.to_owned();
            let device = devices.join(device);
            let words = ["manufacturer", "product"].map(|name| value(&device, name).unwrap_or_default());
            let ids = ["idVendor", "idProduct"].map(|name| value(&device, name).unwrap_or_default());
            Some(format!("{} ({})", words.join(" ").trim(), ids.join(":")))
        })
        .collect();
    names.sort();
    names.dedup();
    names
}

fn value(folder: &Path, name: &str) -> Option<String> {
    let text = std::fs::read_to_string(folder.join(name)).ok()?;
    Some(
        text.trim()
            .chars()
            .filter(|character| !character.is_control())
            .take(64)
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_are_told_from_other_devices() {
        let devices = tempfile::tempdir().expect("a folder");
        let file = |device: &str, name: &str, text: &str| {
            let folder = devices.path().join(device);
            std::fs::create_dir_all(&folder).expect("a folder");
            std::fs::write(folder.join(name), text).expect("a file");
        };
        file("1-2:1.0", "bInterfaceClass", "0b\n");
        file("1-2", "product", "TokenME EVO v2\n");
        file("1-2", "manufacturer", "bit4id\n");
        file("1-2", "idVendor", "25dd\n");
        file("1-2", "idProduct", "2371\n");
        file("1-3:1.0", "bInterfaceClass", "03\n");
        assert_eq!(on_usb(devices.path()), ["bit4id TokenME EVO v2 (25dd:2371)"]);
        assert!(on_usb(Path::new("/nonexistent")).is_empty());
    }

    #[test]
    fn a_service_that_is_absent_matters_where_there_is_a_reader() {
        let nowhere = Path::new("/nonexistent/socket");
        assert_eq!(service(nowhere, true).weight, Weight::Trouble);
        assert_eq!(service(nowhere, false).weight, Weight::Warning);
    }
}
