//! Prints the TypeScript of the protocol's types to standard output; `make protocol` writes it into the SDK.
#![allow(clippy::print_stdout, reason = "its output is the file")]

use trien_protocol::{call, error, event, reply};
use ts_rs::{Config, TS};

fn main() {
    let config = Config::default();
    println!("// Generated from daemon/protocol by `make protocol`. Do not edit.\n");
    println!(
        "export const PROTOCOL_VERSION = {};",
        trien_protocol::PROTOCOL_VERSION
    );
    println!("export const SUBPROTOCOL = \"{}\";", trien_protocol::SUBPROTOCOL);
    println!("export const DEFAULT_PORT = {};", trien_protocol::DEFAULT_PORT);
    println!(
        "export const WEBSOCKET_PATH = \"{}\";",
        trien_protocol::WEBSOCKET_PATH
    );
    println!(
        "export const NATIVE_HOST_NAME = \"{}\";\n",
        trien_protocol::NATIVE_HOST_NAME
    );
    macro_rules! declare {
        ($($type:ty),+ $(,)?) => { $(println!("export {}\n", <$type>::decl(&config));)+ };
    }
    declare!(
        call::Language,
        call::HashAlgorithm,
        call::RsaPadding,
        call::SignatureFormat,
        call::Appearance,
        call::Certification,
        call::Level,
        call::DocumentRef,
        call::Hello,
        call::Certificates,
        call::Authenticate,
        call::SignDigest,
        call::NamedDigest,
        call::OnError,
        call::SignDigests,
        call::SignDocuments,
        call::VerifyDocuments,
        call::Upload,
        call::Download,
        call::Cancel,
        error::ErrorCode,
        error::Bilingual,
        error::ErrorData,
        error::ErrorObject,
        event::Stage,
        event::PermissionNote,
        event::TokensChanged,
        event::Progress,
        event::Raised,
        event::Event,
        reply::Subject,
        reply::Algorithm,
        reply::Certificate,
        reply::AuthenticationToken,
        reply::SigningCertificate,
        reply::HelloReply,
        reply::DigestSignature,
        reply::Receipt,
        reply::SignedDigest,
        reply::DigestSignatures,
        reply::SignedDocument,
        reply::SignedDocuments,
        reply::VerifiedSignature,
        reply::VerifiedDocument,
        reply::VerifiedDocuments,
        reply::UploadReply,
        reply::DownloadReply,
        reply::CancelReply,
    );
}
