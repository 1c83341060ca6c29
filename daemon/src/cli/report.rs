//! A validation report in words: one list of labelled lines, laid out as text or as a web page.

use std::collections::BTreeMap;

use serde::Serialize;
use trien_protocol::call::Language;
use trien_protocol::error::{Bilingual, ErrorData};
use trien_signatures::algorithm::SignatureAlgorithm;
use trien_signatures::report::{
    Change, ChangeKind, Coverage, Format, Indication, Reason, Report, SignatureReport, TimestampReport,
};
use trien_signatures::revocation::{CertificateStatus, Source, SourceKind};

use crate::language::{Arguments, arguments, plain, text, time_in_vietnam};
use crate::legible::neutral;

/// The report on one file.
#[derive(Debug, Serialize)]
pub(super) struct FileReport {
    /// As it was named on the command line.
    pub(super) file: String,
    /// There is a signature, and all are TOTAL-PASSED; document time-stamps are none.
    pub(super) valid: bool,
    /// What of the trust folder was not read: a path may be missing for it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) passed_over: Vec<Bilingual>,
    /// What was found.
    #[serde(flatten)]
    pub(super) outcome: Outcome,
    /// SHA-256 of the file, lower-case hexadecimal, for people: a report on paper says what it is about.
    #[serde(skip)]
    pub(super) sha256: Option<String>,
}

/// What was found in one file.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Outcome {
    /// It could be judged.
    Report(Report),
    /// It could not.
    Unreadable {
        /// Why, and what to do.
        error: ErrorData,
    },
}

/// What a person has to know of a file first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Valid,
    /// Nothing was found to be wrong with any signature, and something is missing to call each valid (EN 319 102-1,
    /// 5.1.3): whoever reads *invalid* there rejects what is genuine.
    Undetermined,
    Invalid,
}

impl Verdict {
    const fn class(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Undetermined => "undetermined",
            Self::Invalid => "invalid",
        }
    }
}

impl FileReport {
    fn verdict(&self) -> Verdict {
        let failed = |signature: &SignatureReport| {
            signature.indication == Indication::TotalFailed && signature.format != Format::DocumentTimeStamp
        };
        match self.signatures() {
            _ if self.valid => Verdict::Valid,
            [] => Verdict::Invalid,
            signatures if signatures.iter().any(failed) => Verdict::Invalid,
            _ => Verdict::Undetermined,
        }
    }

    fn signatures(&self) -> &[SignatureReport] {
        match &self.outcome {
            Outcome::Report(report) => &report.signatures,
            Outcome::Unreadable { .. } => &[],
        }
    }

    /// Each signature with the lines that describe it.
    fn described(&self, language: Language) -> Vec<(String, Vec<Line>)> {
        let Outcome::Report(report) = &self.outcome else {
            return Vec::new();
        };
        let describe =
            |(index, signature)| (heading(index, self, language), lines(signature, report, language));
        report.signatures.iter().enumerate().map(describe).collect()
    }
}

struct Line {
    label: String,
    value: String,
}

/// The reports as text.
pub(super) fn as_text(reports: &[FileReport], language: Language) -> String {
    let mut out = String::new();
    for file in reports {
        out.push_str(&format!(
            "{}: {}\n",
            printable(&file.file),
            headline(file, language)
        ));
        if let Some(line) = findings(file, language) {
            out.push_str(&format!("  {}: {}\n", line.label, line.value));
        }
        if let Some(sha256) = &file.sha256 {
            out.push_str(&format!("  {}: {sha256}\n", plain(language, "report-sha256")));
        }
        for (heading, lines) in file.described(language) {
            out.push_str(&format!("\n  {heading}\n"));
            for line in lines {
                out.push_str(&format!("    {}: {}\n", line.label, line.value));
            }
        }
        out.push('\n');
    }
    out
}

/// The reports as a web page that needs nothing beside itself. `summary` stands before them, a line each.
pub(super) fn as_html(reports: &[FileReport], summary: &str, language: Language) -> String {
    let mut body = String::new();
    if !summary.is_empty() {
        body.push_str(&format!(
            "<p class=\"summary\">{}</p>\n",
            escape(summary.trim_end())
        ));
    }
    for file in reports {
        let class = file.verdict().class();
        let headline = escape(&headline(file, language));
        body.push_str(&format!(
            "<section class=\"{class}\"><h2>{}</h2><p>{headline}</p>",
            escape(&printable(&file.file))
        ));
        let about = file.sha256.iter().map(|sha256| Line {
            label: plain(language, "report-sha256"),
            value: sha256.clone(),
        });
        let about: String = about
            .chain(findings(file, language))
            .map(|line| format!("<dt>{}</dt><dd>{}</dd>", escape(&line.label), escape(&line.value)))
            .collect();
        if !about.is_empty() {
            body.push_str(&format!("<dl>{about}</dl>"));
        }
        for (heading, lines) in file.described(language) {
            body.push_str(&format!("<h3>{}</h3><dl>", escape(&heading)));
            for line in lines {
                body.push_str(&format!(
                    "<dt>{}</dt><dd>{}</dd>",
                    escape(&line.label),
                    escape(&line.value)
                ));
            }
            body.push_str("</dl>");
        }
        body.push_str("</section>\n");
    }
    let code = match language {
        Language::Vi => "vi",
        Language::En => "en",
    };
    include_str!("report.html")
        .replace("{language}", code)
        .replace("{title}", &escape(&plain(language, "report-title")))
        .replace("{body}", &body)
}

/// What the document would do by itself, each kind with how often it is there.
fn findings(file: &FileReport, language: Language) -> Option<Line> {
    let Outcome::Report(report) = &file.outcome else {
        return None;
    };
    let said = report.findings.iter().map(|finding| {
        let kind = plain(language, &keyed("finding", &finding.kind));
        match finding.count {
            1 => kind,
            count => format!("{kind} ({count})"),
        }
    });
    let said: Vec<_> = said.collect();
    (!said.is_empty()).then(|| Line {
        label: plain(language, "report-findings"),
        value: said.join("; "),
    })
}

fn headline(file: &FileReport, language: Language) -> String {
    match &file.outcome {
        Outcome::Unreadable { error } => {
            format!("{} {}", error.message.text(language), error.remedy.text(language))
        }
        Outcome::Report(report) if report.signatures.is_empty() => plain(language, "report-file-unsigned"),
        Outcome::Report(report) => match file.verdict() {
            Verdict::Valid => plain(language, "report-file-valid"),
            Verdict::Invalid => plain(language, "report-file-invalid"),
            Verdict::Undetermined => undetermined(report, language),
        },
    }
}

/// That nothing can be concluded yet, and what the person can add.
fn undetermined(report: &Report, language: Language) -> String {
    let missing = [
        (Reason::NoPathToAnchor, "report-add-anchor"),
        (Reason::ContentMissing, "report-add-content"),
    ];
    let lacks = |reason| report.signatures.iter().any(|one| one.reason == Some(reason));
    let remedies = missing.into_iter().filter(|(reason, _)| lacks(*reason));
    let keys = ["report-file-undetermined"]
        .into_iter()
        .chain(remedies.map(|(_, key)| key));
    let said: Vec<_> = keys.map(|key| plain(language, key)).collect();
    said.join(" ")
}

/// Document time-stamps stand among the signatures, in the order they were made, and are not counted as such (EN 319
/// 102-1, 5.4: they are validated for themselves, and one that fails proves nothing, neither way).
fn heading(index: usize, file: &FileReport, language: Language) -> String {
    let is_signature = |one: &&SignatureReport| one.format != Format::DocumentTimeStamp;
    let signatures = file.signatures();
    if !signatures.get(index).as_ref().is_some_and(is_signature) {
        return plain(language, "report-document-time-stamp");
    }
    let count = |some: &[SignatureReport]| some.iter().filter(is_signature).count().to_string();
    let number = count(&signatures[..=index]);
    text(
        language,
        "report-signature",
        &arguments([("number", number), ("total", count(signatures))]),
    )
}

fn lines(signature: &SignatureReport, report: &Report, language: Language) -> Vec<Line> {
    let say = |key: &str| plain(language, key);
    let yes_no = |yes: bool| say(if yes { "report-yes" } else { "report-no" });
    let mut lines = Vec::new();
    let mut line = |key: &str, value: String| {
        lines.push(Line {
            label: say(&format!("report-{key}")),
            value: printable(&value),
        });
    };
    line("verdict", say(&keyed("indication", &signature.indication)));
    if let Some(reason) = &signature.reason {
        let standard = signature
            .sub_indication
            .map(|sub| format!(" ({})", name(&sub)))
            .unwrap_or_default();
        line("because", say(&keyed("reason", reason)) + &standard);
    }
    if let Some(signer) = &signature.signer {
        line(
            "signer",
            signer
                .subject
                .common_name
                .clone()
                .unwrap_or_else(|| signer.subject.rfc4514.clone()),
        );
        if let Some(unit) = &signer.managing_unit {
            line("unit", unit.clone());
        }
        let identity = identity(&signer.subject);
        if !identity.is_empty() {
            line("identity", identity.join(", "));
        }
        line("issuer", signer.issuer.clone());
        line("serial", signer.serial.clone());
        let span = arguments([
            ("from", time_in_vietnam(signer.not_before)),
            ("to", time_in_vietnam(signer.not_after)),
        ]);
        line("validity", text(language, "report-from-to", &span));
        if let Some(valid) = signer.valid_at_signing_time {
            line("then", yes_no(valid));
        }
        line("now", yes_no(signer.valid_at_validation_time));
    }
    if let Some(time) = &signature.signing_time {
        line(
            "time",
            format!(
                "{} ({})",
                time_in_vietnam(time.time),
                say(&keyed("report-time", &time.source))
            ),
        );
    }
    if let Some(time) = &signature.best_signature_time {
        line(
            "proven",
            format!(
                "{} ({})",
                time_in_vietnam(time.time),
                say(&keyed("report-time", &time.source))
            ),
        );
    }
    for stamp in &signature.timestamps {
        line("timestamp", stamped(stamp, language));
    }
    line("integrity", say(&keyed("report-integrity", &signature.integrity)));
    if let Some(coverage) = &signature.coverage {
        line("coverage", covered(coverage, language));
    }
    for changed in later(signature, language) {
        line("later", changed);
    }
    for (key, parts) in [
        ("covered", &signature.covered),
        ("not-covered", &signature.not_covered),
        ("not-evaluated", &signature.not_evaluated),
    ] {
        if !parts.is_empty() {
            line(key, parts.join(", "));
        }
    }
    if let Some(algorithm) = signature.algorithm {
        line("algorithm", algorithm_name(algorithm));
    }
    let level = signature
        .level
        .map(|level| format!(" {}", name(&level)))
        .unwrap_or_default();
    line("format", say(&keyed("report-format", &signature.format)) + &level);
    if !signature.path.is_empty() {
        line("path", signature.path.join(" ← "));
    }
    for certificate in &signature.certificates {
        if let Some(status) = &certificate.revocation {
            line("revocation", revocation(&certificate.subject, status, language));
        }
    }
    for warning in &signature.warnings {
        line("warning", say(&keyed("warning", warning)));
    }
    line("validated-at", time_in_vietnam(report.validated_at));
    lines
}

fn stamped(stamp: &TimestampReport, language: Language) -> String {
    let time = stamp.time.map(time_in_vietnam).unwrap_or_default();
    let values = arguments([
        ("time", time),
        ("authority", stamp.authority.clone().unwrap_or_default()),
        ("proves", plain(language, &keyed("proves", &stamp.kind))),
        (
            "reason",
            stamp
                .reason
                .map(|reason| plain(language, &keyed("reason", &reason)))
                .unwrap_or_default(),
        ),
    ]);
    let key = if stamp.valid {
        "report-timestamp-valid"
    } else {
        "report-timestamp-invalid"
    };
    text(language, key, &values)
}

fn revocation(subject: &str, status: &CertificateStatus, language: Language) -> String {
    let source = |source: &Source| match source.source {
        SourceKind::Crl => "CRL",
        SourceKind::Ocsp => "OCSP",
    };
    let (key, since, from) = match status {
        CertificateStatus::Good(from) => ("report-revocation-good", None, Some(from)),
        CertificateStatus::Revoked { since, source, .. } => {
            let key = if status.is_on_hold() {
                "report-revocation-on-hold"
            } else {
                "report-revocation-revoked"
            };
            (key, Some(*since), Some(source))
        }
        CertificateStatus::Unknown => ("report-revocation-unknown", None, None),
    };
    let values = arguments([
        ("subject", subject.to_owned()),
        ("since", since.map(time_in_vietnam).unwrap_or_default()),
        ("source", from.map(source).unwrap_or_default().to_owned()),
        (
            "time",
            from.map(|from| time_in_vietnam(from.this_update))
                .unwrap_or_default(),
        ),
    ]);
    text(language, key, &values)
}

fn covered(coverage: &Coverage, language: Language) -> String {
    let numbers = |more: [(&'static str, String); 2]| {
        let [first, second] = more;
        arguments([
            ("signed", coverage.signed_bytes.to_string()),
            ("total", coverage.total_bytes.to_string()),
            first,
            second,
        ])
    };
    match (coverage.whole, coverage.revision, coverage.revisions) {
        (true, ..) => text(language, "report-coverage-whole", &Arguments::new()),
        (false, Some(revision), Some(revisions)) => {
            let revisions = [
                ("revision", revision.to_string()),
                ("revisions", revisions.to_string()),
            ];
            text(language, "report-coverage-revision", &numbers(revisions))
        }
        _ => text(
            language,
            "report-coverage-part",
            &numbers([("revision", String::new()), ("revisions", String::new())]),
        ),
    }
}

/// What later revisions changed: a line for what each was permitted, and one for what it was not.
fn later(signature: &SignatureReport, language: Language) -> Vec<String> {
    let mut groups: BTreeMap<(Option<u32>, bool), Vec<String>> = BTreeMap::new();
    for change in &signature.changes {
        let group = groups.entry((change.revision, change.permitted)).or_default();
        let said = changed(change, language);
        if !group.contains(&said) {
            group.push(said);
        }
    }
    let mut lines = Vec::new();
    for ((revision, permitted), changes) in groups {
        let key = match (revision, permitted) {
            (Some(_), true) => "report-later-permitted",
            (Some(_), false) => "report-later-forbidden",
            (None, true) => "report-later-elsewhere-permitted",
            (None, false) => "report-later-elsewhere-forbidden",
        };
        let values = arguments([
            ("revision", revision.unwrap_or_default().to_string()),
            ("changes", changes.join("; ")),
        ]);
        lines.push(text(language, key, &values));
    }
    if signature.changes_unlisted > 0 {
        let count = arguments([("count", signature.changes_unlisted.to_string())]);
        lines.push(text(language, "report-later-unlisted", &count));
    }
    lines
}

fn changed(change: &Change, language: Language) -> String {
    let numbered = |key: &str, number: u32| text(language, key, &arguments([("number", number.to_string())]));
    let page = change.page.map(|page| numbered("report-change-page", page));
    let mut details: Vec<String> = page.into_iter().chain(change.name.clone()).collect();
    if details.is_empty() && change.kind == ChangeKind::Object {
        details.extend(
            change
                .object
                .map(|object| numbered("report-change-number", object)),
        );
    }
    let kind = plain(language, &keyed("change", &change.kind));
    if details.is_empty() {
        kind
    } else {
        format!("{kind} ({})", details.join(", "))
    }
}

/// Identity numbers of a subject, as people write them.
fn identity(subject: &trien_signatures::certificate::Subject) -> Vec<String> {
    [
        ("MST", &subject.tax_code),
        ("CCCD", &subject.citizen_id),
        ("CMND", &subject.old_identity_card),
    ]
    .into_iter()
    .filter_map(|(kind, number)| number.as_ref().map(|number| format!("{kind} {number}")))
    .collect()
}

fn algorithm_name(algorithm: SignatureAlgorithm) -> String {
    let (scheme, hash) = match algorithm {
        SignatureAlgorithm::RsaPkcs1(hash) => ("RSASSA-PKCS1-v1_5", hash),
        SignatureAlgorithm::RsaPss(hash) => ("RSASSA-PSS", hash),
        SignatureAlgorithm::Ecdsa(hash) => ("ECDSA", hash),
    };
    format!("{scheme}, {}", hash.name())
}

/// The serialised name of a unit variant: the stable one.
pub(super) fn name(value: &impl Serialize) -> String {
    serde_json::to_value(value)
        .ok()
        .and_then(|value| value.as_str().map(str::to_owned))
        .unwrap_or_default()
}

pub(super) fn keyed(prefix: &str, value: &impl Serialize) -> String {
    format!("{prefix}-{}", name(value).to_lowercase().replace('_', "-"))
}

/// Text from a certificate or a file name must not steer the terminal or turn the line around: control characters and
/// the bidirectional and zero-width ones become U+FFFD.
pub(super) fn printable(text: &str) -> String {
    text.chars().map(neutral).collect()
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // The page is put together by replacing its placeholders; text must not bring one.
            '{' => out.push_str("&#123;"),
            _ => out.push(c),
        }
    }
    out
}
