//! The readers that the computer has on USB, whether or not the smart card service sees them.

use std::path::Path;

use crate::legible::neutral;

/// Where the kernel lists devices (sysfs).
const DEVICES: &str = "/sys/bus/usb/devices";

/// bInterfaceClass of readers: Smart Card (USB CCID 1.1, 4.4).
const CCID: &str = "0b";

/// What a device on USB says that it is: its maker's number, and the maker's number for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceId {
    /// `idVendor`
    pub vendor: u16,
    /// `idProduct`
    pub product: u16,
}

/// A reader on USB.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct UsbReader {
    /// The name that it gives itself, with its numbers.
    pub name: String,
    /// What it is; none if it does not say so.
    pub id: Option<DeviceId>,
}

/// In the order of their names, each kind once.
#[must_use]
pub fn readers() -> Vec<UsbReader> {
    on_usb(Path::new(DEVICES))
}

/// The readers among the devices on USB.
fn on_usb(devices: &Path) -> Vec<UsbReader> {
    let entries = std::fs::read_dir(devices).into_iter().flatten();
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let mut readers: Vec<UsbReader> = paths
        .filter(|path| value(path, "bInterfaceClass").as_deref() == Some(CCID))
        .filter_map(|interface| {
            // An interface is called after its device: 1-2:1.0 of 1-2.
            let device = interface.file_name()?.to_str()?.split_once(':')?.0.to_owned();
            let device = devices.join(device);
            let words = ["manufacturer", "product"].map(|name| value(&device, name).unwrap_or_default());
            let ids = ["idVendor", "idProduct"].map(|name| value(&device, name).unwrap_or_default());
            let number = |digits: &String| u16::from_str_radix(digits, 16).ok();
            Some(UsbReader {
                name: format!("{} ({})", words.join(" ").trim(), ids.join(":")),
                id: number(&ids[0])
                    .zip(number(&ids[1]))
                    .map(|(vendor, product)| DeviceId { vendor, product }),
            })
        })
        .collect();
    readers.sort();
    readers.dedup();
    readers
}

fn value(folder: &Path, name: &str) -> Option<String> {
    let text = std::fs::read_to_string(folder.join(name)).ok()?;
    Some(text.trim().chars().take(64).map(neutral).collect())
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
        let [reader] = &on_usb(devices.path())[..] else {
            panic!("{:?}", on_usb(devices.path()))
        };
        assert_eq!(reader.name, "bit4id TokenME EVO v2 (25dd:2371)");
        let (vendor, product) = (0x25dd, 0x2371);
        assert_eq!(reader.id, Some(DeviceId { vendor, product }));
        assert!(on_usb(Path::new("/nonexistent")).is_empty());
    }
}
