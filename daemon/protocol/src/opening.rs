//! The first frame on the per-user socket. The extension tells what the browser told it; the daemon takes it as the
//! word of a program of the same user, and says so to the person.

use serde::{Deserialize, Serialize};

/// Who is at the other end.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "from", rename_all = "snake_case", deny_unknown_fields)]
pub enum Opening {
    /// A page, through our extension and its native host.
    Extension {
        /// The browser's `sender.origin`.
        origin: String,
        /// Origin of the tab's top-level document; another one means a cross-origin frame.
        top_origin: String,
        /// The person has just clicked or typed in the page or on the extension's button, as the browser says. An origin
        /// that is not known yet is put to the person only then.
        #[serde(default)]
        user_activation: bool,
        /// First argument the browser started the host with: `chrome-extension://ID/`, or the add-on's id.
        #[serde(default)]
        extension: Option<String>,
    },
}
