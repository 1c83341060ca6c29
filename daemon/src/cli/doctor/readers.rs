//! The smart card service, and the readers that the computer sees.

use std::io::ErrorKind;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use trien_protocol::error::ErrorCode;

use super::drivers::{Driven, Drivers};
use super::{Finding, Weight};
use crate::tokens::pcsc::outage::{self, Outage};
use crate::tokens::pcsc::{card, usb};
use crate::tokens::truth;

/// Where pcscd finds its drivers.
const DRIVERS: [&str; 3] = [
    "/usr/lib/pcsc/drivers",
    "/usr/lib/x86_64-linux-gnu/pcsc/drivers",
    "/usr/lib64/pcsc/drivers",
];

/// How long the service may take to let us in.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) async fn look() -> Vec<Finding> {
    let readers = usb::readers();
    let mut findings = vec![service(!readers.is_empty()).await];
    let drivers = Drivers::read(&DRIVERS.map(Path::new));
    findings.extend(
        readers
            .into_iter()
            .map(|found| reader(found.name, drivers.of(found.id))),
    );
    findings
}

fn reader(name: String, driven: Driven) -> Finding {
    let facts = [("reader", name)];
    match driven {
        Driven::Yes => Finding::fine("doctor-reader", facts),
        Driven::NoDriver => Finding::new(Weight::Trouble, "doctor-reader-no-driver", facts),
        Driven::NotNamed => Finding::new(Weight::Trouble, "doctor-reader-not-named", facts),
    }
}

/// Whether the service lets us in, as its library says. Without a reader nobody needs it: software tokens work without.
async fn service(needed: bool) -> Finding {
    let weight = if needed { Weight::Trouble } else { Weight::Warning };
    let not_allowed = || {
        Finding::new(weight, "doctor-pcscd-not-allowed", []).with_remedy("error-reader-not-allowed-remedy")
    };
    let failed = |reason: String| Finding::new(Weight::Trouble, "doctor-pcscd-failed", [("reason", reason)]);
    // The library calls a socket that may not be opened a service that does not run.
    match UnixStream::connect(outage::socket()) {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => return not_allowed(),
        Err(_) => return out(weight, outage::outage()),
        Ok(_) => {}
    }
    let established = tokio::task::spawn_blocking(|| card::establish().map(drop));
    let Ok(Ok(established)) = tokio::time::timeout(PATIENCE, established).await else {
        return failed(format!("> {} s", PATIENCE.as_secs()));
    };
    let Err(error) = established else {
        return Finding::fine("doctor-pcscd", []);
    };
    let number = u64::from(error as u32);
    match truth::smart_card(number).map(|row| row.code) {
        Some(ErrorCode::ReaderNotAllowed) => not_allowed(),
        _ => failed(truth::smart_card_name(number)),
    }
}

fn out(weight: Weight, outage: Outage) -> Finding {
    match outage {
        Outage::Absent => {
            Finding::new(weight, "doctor-pcscd-absent", []).with_remedy("error-reader-service-absent-remedy")
        }
        Outage::Stopped => Finding::new(weight, "doctor-pcscd-stopped", [])
            .with_remedy("error-reader-service-stopped-remedy"),
    }
}
