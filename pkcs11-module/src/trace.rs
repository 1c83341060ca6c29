//! `TRIEN_PKCS11_TRACE=1`: one line on standard error for each call and each fault of the store.
//!
//! A shared library is a guest: it takes no place in the host's logging, and writes nothing unless it is asked.
//! Values of arguments are never traced, so no PIN and no data can be.

use std::fmt::{Debug, Write as _};
use std::io::Write as _;
use std::sync::OnceLock;

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// Whether the host's environment asked for a trace. Read once.
pub(crate) fn enabled() -> bool {
    static ENABLED: OnceLock<bool> = OnceLock::new();
    *ENABLED.get_or_init(|| {
        let wanted = std::env::var_os("TRIEN_PKCS11_TRACE").is_some_and(|value| value == "1");
        // This library carries a copy of `tracing` of its own, so its global default is ours to set; a second
        // setting, by a second copy in one process, is refused and harmless.
        wanted && tracing::subscriber::set_global_default(StandardError).is_ok()
    })
}

/// Writes events as lines; spans are not used in this library.
struct StandardError;

impl Subscriber for StandardError {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with(env!("CARGO_CRATE_NAME"))
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(format!("trien-pkcs11[{}]", std::process::id()));
        event.record(&mut line);
        line.0.push('\n');
        // Nobody can be told that the trace cannot be written.
        let _ = std::io::stderr().write_all(line.0.as_bytes());
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        // Writing to a String cannot fail.
        let _ = match field.name() {
            "message" => write!(self.0, " {value:?}"),
            name => write!(self.0, " {name}={value:?}"),
        };
    }
}
