//! Prints the protocol's JSON Schema (draft 2020-12) to standard output; `make protocol` writes it beside the code.
#![allow(clippy::print_stdout, reason = "its output is the file")]

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};
use trien_protocol::error::{ErrorCode, ErrorObject};
use trien_protocol::{call, event, limits, opening, reply};

/// A method's parameters and result.
fn method<P: JsonSchema, R: JsonSchema>(generator: &mut SchemaGenerator, scopes: &[&str]) -> Value {
    json!({
        "params": generator.subschema_for::<P>(),
        "result": generator.subschema_for::<R>(),
        "scopes": scopes,
    })
}

fn main() {
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    let g = &mut generator;
    let methods = json!({
        "hello": method::<call::Hello, reply::HelloReply>(g, &[]),
        "certificates": method::<call::Certificates, reply::Certificate>(g, &["certificates"]),
        "authenticate": method::<call::Authenticate, reply::AuthenticationToken>(g, &["sign_in"]),
        "sign_digest": method::<call::SignDigest, reply::DigestSignature>(g, &["blind_digest"]),
        "sign_digests": method::<call::SignDigests, reply::DigestSignatures>(g, &["blind_digest", "batch"]),
        "sign_documents": method::<call::SignDocuments, reply::SignedDocuments>(g, &["sign"]),
        "verify_documents": method::<call::VerifyDocuments, reply::VerifiedDocuments>(g, &["verify"]),
        "upload": method::<call::Upload, reply::UploadReply>(g, &[]),
        "download": method::<call::Download, reply::DownloadReply>(g, &[]),
        "cancel": method::<call::Cancel, reply::CancelReply>(g, &[]),
    });
    let notification = g.subschema_for::<event::Event>();
    let opening = g.subschema_for::<opening::Opening>();
    let error = g.subschema_for::<ErrorObject>();
    let names: Vec<&str> = methods
        .as_object()
        .into_iter()
        .flat_map(Map::keys)
        .map(String::as_str)
        .collect();
    let codes: Map<String, Value> = ErrorCode::ALL
        .iter()
        .map(|code| (code.name().to_owned(), code.number().into()))
        .collect();
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": trien_protocol::SUBPROTOCOL,
        "description": "Generated from daemon/protocol by `make protocol`. Do not edit. A message is one JSON-RPC 2.0 \
            object: a request of a method below, its one reply, or a notification.",
        "version": trien_protocol::PROTOCOL_VERSION,
        "capabilities": trien_protocol::CAPABILITIES,
        "oneOf": [
            { "$ref": "#/$defs/JsonRpcRequest" },
            { "$ref": "#/$defs/JsonRpcResult" },
            { "$ref": "#/$defs/JsonRpcError" },
            { "$ref": "#/$defs/JsonRpcNotification" },
        ],
        "methods": methods.clone(),
        "notification": notification,
        "opening": opening,
        "errors": codes,
        "limits": {
            "message": limits::MAX_MESSAGE,
            "native_message": limits::MAX_NATIVE_MESSAGE,
            "chunk": limits::MAX_CHUNK,
            "document": limits::MAX_DOCUMENT,
            "documents": limits::MAX_DOCUMENTS,
            "held": limits::MAX_HELD,
            "in_flight": limits::MAX_IN_FLIGHT,
            "bad_messages": limits::MAX_BAD_MESSAGES,
            "upload_seconds": limits::MAX_UPLOAD_SECONDS,
            "recall_seconds": limits::MAX_RECALL_SECONDS,
            "waiting_seconds": limits::MAX_WAITING_SECONDS,
            "tax_codes": limits::MAX_TAX_CODES,
            "tax_code_seconds": limits::TAX_CODE_SECONDS,
        },
        "$defs": definitions(&mut generator, &names, &error),
    });
    println!("{schema:#}");
}

/// The types, and the envelopes around them.
fn definitions(
    generator: &mut SchemaGenerator,
    names: &[&str],
    error: &schemars::Schema,
) -> Map<String, Value> {
    let mut all = generator.take_definitions(true);
    let envelope = |required: &[&str], more: Value| {
        let mut properties = json!({ "jsonrpc": { "const": "2.0" } });
        for (name, schema) in more.as_object().cloned().unwrap_or_default() {
            properties[name] = schema;
        }
        json!({
            "type": "object", "properties": properties, "required": required, "additionalProperties": false,
        })
    };
    let id = json!({ "type": "integer", "minimum": 0, "description": "Greater than every one before it." });
    all.insert(
        "JsonRpcRequest".into(),
        envelope(
            &["jsonrpc", "id", "method"],
            json!({ "id": id, "method": { "enum": names }, "params": { "type": "object" } }),
        ),
    );
    all.insert(
        "JsonRpcResult".into(),
        envelope(
            &["jsonrpc", "id", "result"],
            json!({ "id": id, "result": { "type": "object" } }),
        ),
    );
    let any_id = json!({ "type": ["integer", "null"] });
    all.insert(
        "JsonRpcError".into(),
        envelope(
            &["jsonrpc", "id", "error"],
            json!({ "id": any_id, "error": error }),
        ),
    );
    let names = json!({ "enum": ["progress", "permission", "tokens_changed", "raised"] });
    all.insert(
        "JsonRpcNotification".into(),
        envelope(
            &["jsonrpc", "method", "params"],
            json!({ "method": names, "params": { "type": "object" } }),
        ),
    );
    all
}
