//! May this origin ask for this? [`judge`] answers with a [`Permitted`], which nothing else can make.

pub mod grants;
pub mod news;
pub mod origin;
pub mod ownership;

mod book;
mod needed;

use time::OffsetDateTime;
use trien_protocol::call::{
    Authenticate, Certificates, SignDigest, SignDigests, SignDocuments, VerifyDocuments,
};

pub use book::{GrantBook, OriginRules, Rule};
pub use grants::Scope;
pub use needed::Needed;
pub use origin::Origin;

use crate::transport::Channel;

/// A call that needs a permission.
pub trait Scoped {
    /// Which.
    const SCOPE: Scope;

    /// What else it needs, by what is asked.
    fn more(&self) -> &'static [Scope] {
        &[]
    }

    /// All that it needs.
    fn needs(&self) -> Vec<Scope> {
        std::iter::once(Self::SCOPE)
            .chain(self.more().iter().copied())
            .collect()
    }
}

impl Scoped for Certificates {
    const SCOPE: Scope = Scope::Certificates;
}

impl Scoped for Authenticate {
    const SCOPE: Scope = Scope::SignIn;

    fn more(&self) -> &'static [Scope] {
        if self.signing_certificate {
            &[Scope::Certificates]
        } else {
            &[]
        }
    }
}

impl Scoped for SignDocuments {
    const SCOPE: Scope = Scope::Sign;

    fn more(&self) -> &'static [Scope] {
        if self.documents.len() > 1 {
            &[Scope::Batch]
        } else {
            &[]
        }
    }
}

impl Scoped for SignDigest {
    const SCOPE: Scope = Scope::BlindDigest;
}

impl Scoped for SignDigests {
    const SCOPE: Scope = Scope::BlindDigest;

    fn more(&self) -> &'static [Scope] {
        &[Scope::Batch]
    }
}

impl Scoped for VerifyDocuments {
    const SCOPE: Scope = Scope::Verify;
}

/// The proof that a call was permitted to a channel: only [`judge`] makes one.
#[derive(Debug)]
pub struct Permitted<C> {
    channel: Channel,
    call: C,
}

impl<C> Permitted<C> {
    /// Who asks.
    #[must_use]
    pub fn channel(&self) -> &Channel {
        &self.channel
    }

    /// What is asked.
    #[must_use]
    pub fn call(&self) -> &C {
        &self.call
    }
}

/// The origin has no permission for this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the origin has no permission for this")]
pub struct NotAllowed;

/// The one place that permits.
///
/// # Errors
/// [`NotAllowed`].
pub fn judge<C: Scoped>(
    channel: &Channel,
    call: C,
    book: &GrantBook,
    now: OffsetDateTime,
) -> Result<Permitted<C>, NotAllowed> {
    let permitted = match channel.origin() {
        None => true,
        Some(origin) => {
            let scopes = book.scopes(origin, now);
            scopes.contains(&C::SCOPE) && call.more().iter().all(|scope| scopes.contains(scope))
        }
    };
    if permitted {
        Ok(Permitted {
            channel: channel.clone(),
            call,
        })
    } else {
        Err(NotAllowed)
    }
}
