//! `libtrien_pkcs11.so`: a software token with the interfaces of PKCS #11 2.40, 3.0 and 3.2.
//!
//! Any program that speaks PKCS #11 loads it by its path and gets everything through three exported symbols:
//! `C_GetFunctionList` (2.40), `C_GetInterfaceList` and `C_GetInterface` (3.0 and 3.2):
//!
//! ```text
//! pkcs11-tool --module libtrien_pkcs11.so --init-token --slot-index 0 --label "Nguyễn Văn An" --so-pin 87654321
//! p11tool --provider /path/to/libtrien_pkcs11.so --list-tokens
//! ```
//!
//! **Where tokens are.** `$TRIEN_HOME/data/tokens` if `TRIEN_HOME` is set, else
//! `~/.local/share/trien/tokens`. No configuration is needed. There is one slot for each token, in the
//! order of their making, and after them a free slot, in which `C_InitToken` makes the next. `store`
//! specifies the format.
//!
//! **What it does.** The files of `mechanism` are the list: RSA (PKCS #1 v1.5, PSS, OAEP, raw), the NIST
//! curves, Ed25519, Ed448, X25519 and X448, ML-DSA and ML-KEM, AES in its modes, HMAC, SHA-1, SHA-2 and SHA-3, key
//! wrapping and derivation; in one piece, in parts, and on messages; and for old data DES, triple DES, DSA
//! and Diffie-Hellman over integers. SHA-1 signatures are verified, and made only where the host asks for it (see
//! `mechanism::sha1`). A digest in
//! the making can be saved and restored. Asynchronous calls, which it does not have, answer with the return value that
//! the standard has for it.
//!
//! **Post-quantum algorithms** come from AWS-LC, whose implementations of the final FIPS 203 and FIPS 204
//! are part of its validated module and have had a stable C interface since; SLH-DSA it does not offer.
//!
//! **Limits.** PINs of 4 to 64 bytes, locked after 10 wrong ones; 64 tokens; 4096 sessions; 1 MiB for an
//! attribute's value; modulus up to 4096 bits for keys that are made here.
//!
//! **From the environment**, read once: `TRIEN_PKCS11_TRACE=1` traces every call to standard error, without its
//! arguments; `TRIEN_TOKEN_PROFILE` names the profile of tokens that are made; `TRIEN_PKCS11_SLOT_EVENTS=1` makes
//! slots removable, with `C_WaitForSlotEvent`; `TRIEN_PKCS11_SHA1_SIGNATURES=1` lets SHA-1 signatures be made, which
//! otherwise are only verified.
//!
//! **As a guest in somebody's process.** The cryptographic library is linked in, its symbols hidden, and
//! nothing of the host's is used; there are no threads, signal handlers or exit handlers; a panic is
//! `CKR_GENERAL_ERROR`; a forked child starts uninitialised and may call `C_Initialize`. A host should
//! not fork while another of its threads is in a call.
//!
//! | module | what |
//! |---|---|
//! | `ffi` | everything unsafe: pointers in and out, the function list, calls of the cryptographic library |
//! | `entry` | what every entry point does around its work |
//! | `api` | the chapters of the standard, one file each |
//! | `library`, `slot`, `token`, `sessions`, `session` | state: process, slots, one token in use, its sessions |
//! | `object`, `attribute`, `rules`, `draft` | objects: what one is, its rules as data, how it is made |
//! | `table`, `index` | the objects that a process sees, and how they are found |
//! | `conformance` | the objects by which a token tells which profiles of the standard it conforms to |
//! | `mechanism`, `key` | one file an algorithm; parsed keys |
//! | `profile` | tokens of the field that a token can imitate |
//! | `store` | the token on disk, with the specification of its format |

// CK_ULONG has 32 bits on some systems, so what is a conversion there looks useless here.
#![allow(clippy::useless_conversion)]

#[cfg(not(unix))]
compile_error!(
    "folders and files are given their rights as Unix does; other systems have no counterpart here yet"
);

mod api;
mod attribute;
mod conformance;
mod draft;
mod entry;
mod error;
#[allow(unsafe_code)] // the one place for it, see its head
mod ffi;
mod index;
mod key;
mod library;
mod mechanism;
mod object;
mod output;
mod profile;
mod recent;
mod rules;
mod session;
mod sessions;
mod slot;
mod store;
mod table;
mod token;
mod trace;

pub use ffi::{C_GetFunctionList, C_GetInterface, C_GetInterfaceList};
