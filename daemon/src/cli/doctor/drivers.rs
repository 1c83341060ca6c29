//! The reader drivers of this computer, and which readers they name. pcscd gives a reader on USB to the driver whose
//! `Info.plist` has its vendor and product (pcsc-lite, `hotplug_libudev.c`); one that none names is not driven at all.

use std::collections::HashSet;
use std::io::Read;
use std::path::Path;

use crate::tokens::pcsc::usb::DeviceId;

/// The longest `Info.plist` that is read, in bytes: libccid's has 40 000.
const MAX_FILE: u64 = 1024 * 1024;

/// Drivers that are looked at.
const MAX_DRIVERS: usize = 64;

/// What is known of the drivers.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Drivers {
    /// How many there are.
    count: usize,
    named: HashSet<DeviceId>,
    /// One does not say which readers it names.
    unclear: bool,
}

/// How it stands with one reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Driven {
    /// A driver names it, or none is known not to.
    Yes,
    /// There is no driver for any reader.
    NoDriver,
    /// There are drivers, and none names it.
    NotNamed,
}

impl Drivers {
    /// Those in these folders, each a folder `*.bundle`.
    pub(super) fn read(folders: &[&Path]) -> Self {
        let entries = folders.iter().filter_map(|folder| std::fs::read_dir(folder).ok());
        let bundles = entries
            .flatten()
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.extension().is_some_and(|end| end == "bundle") && path.is_dir());
        let mut drivers = Self::default();
        for bundle in bundles.take(MAX_DRIVERS) {
            drivers.count += 1;
            match named(&bundle.join("Contents/Info.plist")) {
                Some(named) => drivers.named.extend(named),
                None => drivers.unclear = true,
            }
        }
        drivers
    }

    pub(super) fn of(&self, reader: Option<DeviceId>) -> Driven {
        match reader {
            _ if self.count == 0 => Driven::NoDriver,
            Some(id) if !self.unclear && !self.named.contains(&id) => Driven::NotNamed,
            _ => Driven::Yes,
        }
    }
}

/// The vendors and products in `Info.plist`, which are two lists of one length.
fn named(file: &Path) -> Option<Vec<DeviceId>> {
    let mut text = String::new();
    let file = std::fs::File::open(file).ok()?;
    file.take(MAX_FILE).read_to_string(&mut text).ok()?;
    let [vendors, products] = ["ifdVendorID", "ifdProductID"].map(|key| numbers(&text, key));
    let (vendors, products) = (vendors?, products?);
    let both = vendors.into_iter().zip(products);
    Some(
        both.map(|(vendor, product)| DeviceId { vendor, product })
            .collect(),
    )
}

/// The list of that name, of texts such as `0x072F`.
fn numbers(text: &str, key: &str) -> Option<Vec<u16>> {
    let (_, rest) = text.split_once(&format!("<key>{key}</key>"))?;
    let (_, rest) = rest.split_once("<array>")?;
    let (list, _) = rest.split_once("</array>")?;
    let values = list.split("<string>").skip(1);
    let number = |value: &str| {
        let digits = value.split_once("</string>")?.0.trim();
        u16::from_str_radix(digits.strip_prefix("0x")?, 16).ok()
    };
    values.map(number).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_is_driven_if_a_driver_names_its_vendor_and_product_together() {
        let folder = tempfile::tempdir().expect("a folder");
        let read = || Drivers::read(&[Path::new("/nonexistent"), folder.path()]);
        let id = |vendor, product| Some(DeviceId { vendor, product });
        assert_eq!(read().of(id(0x25dd, 0x2371)), Driven::NoDriver);
        let contents = folder.path().join("ifd-ccid.bundle/Contents");
        std::fs::create_dir_all(&contents).expect("a folder");
        assert_eq!(read().of(id(0x25dd, 0x2371)), Driven::Yes, "it says nothing");
        let list = |key: &str, values: [&str; 2]| {
            let values = values
                .map(|value| format!("\t\t<string>{value}</string>\n"))
                .concat();
            format!("<key>{key}</key>\n\t<array>\n{values}\t</array>\n")
        };
        let plist = list("ifdVendorID", ["0x25DD", "0x1050"]) + &list("ifdProductID", ["0x2371", "0x0407"]);
        std::fs::write(contents.join("Info.plist"), plist).expect("a file");
        assert_eq!(read().of(id(0x25dd, 0x2371)), Driven::Yes);
        assert_eq!(read().of(id(0x1050, 0x0407)), Driven::Yes);
        assert_eq!(
            read().of(id(0x25dd, 0x0407)),
            Driven::NotNamed,
            "one's vendor, the other's product"
        );
        assert_eq!(
            read().of(None),
            Driven::Yes,
            "a reader that does not say what it is"
        );
        for broken in [
            "",
            "<key>ifdVendorID</key>",
            "<key>ifdVendorID</key><array><string>x",
        ] {
            std::fs::write(contents.join("Info.plist"), broken).expect("a file");
            assert_eq!(read().of(id(1, 1)), Driven::Yes, "{broken}");
        }
    }
}
