//! The browser's side: frames of a 32-bit length in native byte order and UTF-8 JSON (native messaging, as Chromium
//! and Firefox define it), and the arguments that name the extension.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex, PoisonError};

use trien_protocol::frame::{self, FrameError};
use trien_protocol::limits::{MAX_MESSAGE, MAX_NATIVE_MESSAGE};

/// Longest extension id that is passed on, in bytes.
const MAX_CALLER: usize = 255;

/// The extension as the browser names it: `chrome-extension://ID/`, the first argument in Chromium; the add-on's id,
/// the second argument in Firefox, whose first is the path of the host manifest.
pub(crate) fn caller(arguments: &[OsString]) -> Option<String> {
    let first = arguments.first()?.to_str()?;
    let id = if first.starts_with("chrome-extension://") {
        first
    } else {
        arguments.get(1)?.to_str()?
    };
    (!id.is_empty() && id.len() <= MAX_CALLER).then(|| id.to_owned())
}

/// Reads one message. `None` when the browser has closed the pipe, between messages.
///
/// # Errors
/// [`FrameError`]; the pipe cannot be used after it. Nothing is allocated for a length past [`MAX_MESSAGE`].
pub(crate) fn read(from: &mut impl Read) -> Result<Option<String>, FrameError> {
    frame::read_native(from, MAX_MESSAGE)
}

/// The pipe to the browser. Clones write to the same pipe, a whole message at a time.
#[derive(Clone)]
pub(crate) struct Output(Arc<Mutex<File>>);

impl Output {
    /// Takes standard output away from the rest of the process: whatever else prints lands on standard error and
    /// cannot break the framing.
    pub(crate) fn take() -> io::Result<Self> {
        let pipe = rustix::io::dup(rustix::stdio::stdout())?;
        rustix::stdio::dup2_stdout(rustix::stdio::stderr())?;
        Ok(Self(Arc::new(Mutex::new(File::from(pipe)))))
    }

    /// Writes one message of at most [`MAX_NATIVE_MESSAGE`] bytes.
    pub(crate) fn write(&self, text: &str) -> Result<(), FrameError> {
        let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
        if text.is_empty() || text.len() > MAX_NATIVE_MESSAGE {
            return Err(FrameError::Length(length));
        }
        let framed = [&length.to_ne_bytes()[..], text.as_bytes()].concat();
        let mut pipe = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        pipe.write_all(&framed)?;
        Ok(pipe.flush()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_browsers_name_the_extension_in_different_places() {
        let os = |texts: &[&str]| texts.iter().map(OsString::from).collect::<Vec<_>>();
        assert_eq!(
            caller(&os(&["chrome-extension://abc/"])).as_deref(),
            Some("chrome-extension://abc/")
        );
        assert_eq!(
            caller(&os(&["/x/vn.trien.host.json", "trien@trien.vn"])).as_deref(),
            Some("trien@trien.vn")
        );
        assert_eq!(caller(&os(&[])), None);
        assert_eq!(caller(&os(&["something"])), None);
        assert_eq!(caller(&os(&["path", &"x".repeat(300)])), None);
    }
}
