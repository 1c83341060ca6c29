//! The readers that the computer has on USB, whether or not the smart card service sees them.

use std::path::Path;

/// Where the kernel lists devices (sysfs).
const DEVICES: &str = "/sys/bus/usb/devices";

/// bInterfaceClass of readers: Smart Card (USB CCID 1.1, 4.4).
const CCID: &str = "0b";

/// By the names they give themselves.
#[must_use]
pub fn readers() -> Vec<String> {
    on_usb(Path::new(DEVICES))
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
}
