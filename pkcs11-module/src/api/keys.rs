//! Section 5.14, key management: keys, key pairs and domain parameters made on the token.

use cryptoki_sys::*;

use crate::attribute::{RawAttribute, Value};
use crate::draft::{Draft, Origin};
use crate::error::{Error, Result};
use crate::library::Library;
use crate::mechanism::Call;

/// The handles of a new key pair.
pub(crate) struct Pair {
    pub(crate) public: CK_OBJECT_HANDLE,
    pub(crate) private: CK_OBJECT_HANDLE,
}

/// `C_GenerateKey`.
pub(crate) fn generate(
    library: &Library,
    session: CK_SESSION_HANDLE,
    call: &Call<'_>,
    template: &[RawAttribute<'_>],
) -> Result<CK_OBJECT_HANDLE> {
    let session = library.session(session)?;
    let mechanism = session.token.mechanism(call.kind)?;
    let types = mechanism.secret_types()?;
    let wanted = template.iter().find(|raw| raw.kind == CKA_KEY_TYPE);
    let key_type = types
        .iter()
        .find(|key_type| wanted.is_none_or(|wanted| wanted.value == key_type.to_ne_bytes()))
        .copied()
        .ok_or(Error::TemplateInconsistent)?;
    let class = mechanism.generated_class();
    let template = check_given(template, class, key_type)?;
    let origin = Origin::Generation {
        class,
        key_type,
        mechanism: call.kind,
    };
    let mut key = Draft::new(&template, origin)?;
    let made = mechanism.generate_secret(call, &key)?;
    made.into_iter().for_each(|(kind, value)| key.insert(kind, value));
    let handles = session.token.add(vec![key.finish()?], session.asker())?;
    handles.first().copied().ok_or(Error::General)
}

/// `C_GenerateKeyPair`. Both halves are kept, or none.
pub(crate) fn generate_pair(
    library: &Library,
    session: CK_SESSION_HANDLE,
    call: &Call<'_>,
    public: &[RawAttribute<'_>],
    private: &[RawAttribute<'_>],
) -> Result<Pair> {
    let session = library.session(session)?;
    let mechanism = session.token.mechanism(call.kind)?;
    let key_type = mechanism.pair_type()?;
    let half = |template, class| {
        let public = check_given(template, class, key_type)?;
        Draft::new(
            &public,
            Origin::Generation {
                class,
                key_type,
                mechanism: call.kind,
            },
        )
    };
    let mut public = half(public, CKO_PUBLIC_KEY)?;
    let mut private = half(private, CKO_PRIVATE_KEY)?;
    session
        .token
        .imitation()?
        .check_rsa_bits(public.ulong(CKA_MODULUS_BITS))?;
    let pair = mechanism.generate_pair(call, &public, &private)?;
    pair.public
        .into_iter()
        .for_each(|(kind, value)| public.insert(kind, value));
    pair.private
        .into_iter()
        .for_each(|(kind, value)| private.insert(kind, value));
    let public = public.finish()?;
    // A private key shows its public half too (section 4.9, `CKA_PUBLIC_KEY_INFO`).
    if let Ok(info) = public.bytes(CKA_PUBLIC_KEY_INFO) {
        private.insert(CKA_PUBLIC_KEY_INFO, Value::bytes(info));
    }
    let handles = session
        .token
        .add(vec![public, private.finish()?], session.asker())?;
    match handles[..] {
        [public, private] => Ok(Pair { public, private }),
        _ => Err(Error::General),
    }
}

/// Class and key type may be given if they say what the mechanism makes (section 5.14, `C_GenerateKeyPair`).
fn check_given<'a>(
    template: &[RawAttribute<'a>],
    class: CK_OBJECT_CLASS,
    key_type: CK_KEY_TYPE,
) -> Result<Vec<RawAttribute<'a>>> {
    let mut rest = Vec::with_capacity(template.len());
    for raw in template {
        let expected = match raw.kind {
            CKA_CLASS => class,
            CKA_KEY_TYPE => key_type,
            _ => {
                rest.push(raw.clone());
                continue;
            }
        };
        if raw.value != expected.to_ne_bytes() {
            return Err(Error::TemplateInconsistent);
        }
    }
    Ok(rest)
}
