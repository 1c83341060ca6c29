//! Prints the JSON Schema (draft 2020-12) of what `trien verify --json` prints to standard output; `make protocol` writes it
//! beside the code.
#![allow(clippy::print_stdout, reason = "its output is the file")]

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};
use trien_signatures::report::Report;

fn main() {
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    let mut report = generator.subschema_for::<Report>().to_value();
    let mut definitions = generator.take_definitions(true);
    // The report stands in the object of its file, not below it.
    if let Some(own) = definitions.remove("Report") {
        report = own;
    }
    definitions.insert("File".into(), file(&report));
    definitions.insert("Error".into(), error());
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "trien-report.v1",
        "description": "Generated from daemon/signatures by `make protocol`. Do not edit. One object for each file of \
            `trien verify --json`, in the order of the command line. Names that are here keep their meaning; others may \
            come to stand beside them, also among the values of lists of names.",
        "type": "array",
        "items": { "$ref": "#/$defs/File" },
        "$defs": definitions,
    });
    println!("{schema:#}");
}

/// The report on one file, or why there is none.
fn file(report: &Value) -> Value {
    let mut properties = report["properties"].as_object().cloned().unwrap_or_else(Map::new);
    properties.insert(
        "file".into(),
        json!({ "type": "string", "description": "As it was named on the command line." }),
    );
    properties.insert(
        "valid".into(),
        json!({ "type": "boolean", "description": "There is a signature, and all are TOTAL-PASSED." }),
    );
    properties.insert(
        "passed_over".into(),
        json!({ "type": "array", "items": bilingual(), "description": "What of the trust folder could not be used, where \
            there is such: a path may be missing for it." }),
    );
    properties.insert("error".into(), json!({ "$ref": "#/$defs/Error" }));
    json!({
        "type": "object",
        "properties": properties,
        "required": ["file", "valid"],
        "oneOf": [
            { "required": report["required"] },
            { "required": ["error"], "properties": { "valid": { "const": false } } },
        ],
    })
}

fn bilingual() -> Value {
    let text = || json!({ "type": "string" });
    json!({ "type": "object", "properties": { "vi": text(), "en": text() }, "required": ["vi", "en"] })
}

/// Why a file cannot be judged: the error that the protocol names so (`ErrorData` of `trien.v1.json`).
fn error() -> Value {
    let text = || json!({ "type": "string" });
    json!({
        "type": "object",
        "description": "Why the file cannot be judged, and what to do about it.",
        "properties": { "code": text(), "message": bilingual(), "remedy": bilingual(), "retry": { "type": "boolean" },
            "detail": text() },
        "required": ["code", "message", "remedy", "retry"],
    })
}
