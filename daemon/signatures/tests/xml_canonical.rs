//! Canonical forms of XML files that others made, beside those of libxml2; and what is refused as a document.

#![allow(clippy::unwrap_used, reason = "what cannot be set up is a test that fails")]

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use trien_signatures::algorithm::Hash;
use trien_signatures::xml::{Canonicalization, Document, ElementId, Method, Outer, XmlError};

/// For each file named on its input, libxml2's verdict in one line: `refused`, or the SHA-256 of the canonical forms of
/// [`FORMS`]; `-` for a form it does not give.
const JUDGE: &str = r#"
import hashlib, io, sys
from lxml import etree
forms = [(False, False), (False, True), (True, False), (True, True)]
def digest(make):
    try:
        return hashlib.sha256(make()).hexdigest()
    except Exception:
        return '-'
for line in sys.stdin:
    try:
        with open(line.rstrip('\n'), 'rb') as file:
            octets = file.read()
        parser = etree.XMLParser(resolve_entities=False, no_network=True, strip_cdata=False)
        tree = etree.parse(io.BytesIO(octets), parser)
        info = tree.docinfo
        if info.doctype or info.internalDTD is not None or info.xml_version != '1.0': raise ValueError
        if (info.encoding or 'UTF-8').upper() not in ('UTF-8', 'UTF8', 'US-ASCII', 'ASCII'): raise ValueError
    except Exception:
        print('refused', flush=True)
        continue
    out = []
    for exclusive, comments in forms:
        out.append(digest(lambda: etree.tostring(tree, method='c14n', exclusive=exclusive, with_comments=comments)))
    print(' '.join(out), flush=True)
"#;

const FORMS: [(Method, bool); 4] = [
    (Method::Inclusive10, false),
    (Method::Inclusive10, true),
    (
        Method::Exclusive {
            inclusive_prefixes: Vec::new(),
        },
        false,
    ),
    (
        Method::Exclusive {
            inclusive_prefixes: Vec::new(),
        },
        true,
    ),
];

/// Files that are compared at most, and the least that has to be found for the comparison to mean something.
const FILES: usize = 1200;
const LEAST: usize = 150;

fn judge_python() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/judges/bin/python")
}

fn collect(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    let mut entries: Vec<_> = entries.filter_map(Result::ok).collect();
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let (path, Ok(kind)) = (entry.path(), entry.file_type()) else {
            continue;
        };
        let named = |ends: &[&str]| {
            path.extension()
                .is_some_and(|end| ends.iter().any(|known| end == *known))
        };
        if kind.is_dir() && depth > 0 {
            collect(&path, depth - 1, found);
        } else if kind.is_file() && named(&["xml", "svg", "xsl", "xcu", "rng", "xsd", "ui", "xcs"]) {
            let small = entry.metadata().is_ok_and(|data| data.len() < 400_000);
            if small && path.to_str().is_some_and(|name| !name.contains('\n')) {
                found.push(path);
            }
        }
    }
}

fn ours(bytes: &[u8]) -> Result<String, XmlError> {
    let document = Document::parse(bytes)?;
    let mut digests = Vec::new();
    for (method, comments) in FORMS {
        let form = Canonicalization { method, comments };
        let octets = form.to_vec(&document, None, None, &Outer::default())?;
        digests.push(hex::encode(Hash::Sha256.digest(&octets)));
    }
    if !document.has_absolute_namespaces() {
        return Ok(["-"; 4].join(" "));
    }
    Ok(digests.join(" "))
}

#[test]
fn the_canonical_forms_are_those_of_libxml2() {
    let mut files = Vec::new();
    for folder in ["/usr/share", "/usr/lib/libreoffice", "/usr/lib/python3"] {
        collect(Path::new(folder), 8, &mut files);
    }
    let step = files.len().div_ceil(FILES).max(1);
    let files: Vec<_> = files.into_iter().step_by(step).collect();
    let mut judge = Command::new(judge_python())
        .args(["-c", JUDGE])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the judges are installed: make target/judges/.made");
    let (mut asked, answered) = (judge.stdin.take().unwrap(), judge.stdout.take().unwrap());
    let mut answers = BufReader::new(answered).lines();
    let (mut same, mut refused, mut different) = (0, 0, Vec::new());
    for file in &files {
        writeln!(asked, "{}", file.display()).unwrap();
        let theirs = answers.next().unwrap().unwrap();
        match ours(&std::fs::read(file).unwrap()) {
            Err(_) if theirs == "refused" => refused += 1,
            Ok(forms) if forms == theirs => same += 1,
            found => different.push(format!("{}: {found:?}\n  {theirs}", file.display())),
        }
    }
    drop(asked);
    judge.wait().unwrap();
    println!("{same} the same, {refused} refused by both");
    assert!(different.is_empty(), "{}", different.join("\n"));
    assert!(same >= LEAST, "only {same} files to compare");
}

#[allow(clippy::needless_pass_by_value, reason = "each caller makes one for it")]
fn canonical(document: &str, form: Canonicalization, pick: Option<&str>) -> String {
    let document = Document::parse(document.as_bytes()).unwrap();
    let apex: Option<ElementId> = pick.map(|name| {
        document
            .elements()
            .find(|element| document.local_name(*element) == name)
            .unwrap()
    });
    String::from_utf8(form.to_vec(&document, apex, None, &Outer::default()).unwrap()).unwrap()
}

/// Canonical XML 1.0, section 2.4, and Exclusive Canonical XML, section 2.2, in examples of our own.
#[test]
fn an_element_in_its_place_inherits_what_the_recommendation_says() {
    let text = "<r xmlns=\"urn:d\" xmlns:p=\"urn:p\" xmlns:q=\"urn:q\" xml:lang=\"vi\" xml:id=\"i\"><p:x b='2' q:c='3' a='1'>\r\n\t&#13;&lt;<![CDATA[>&]]><y xmlns=\"\"/></p:x></r>";
    let exclusive = canonical(text, Canonicalization::EXCLUSIVE, Some("x"));
    assert_eq!(
        exclusive,
        "<p:x xmlns:p=\"urn:p\" xmlns:q=\"urn:q\" a=\"1\" b=\"2\" q:c=\"3\">\n\t&#xD;&lt;&gt;&amp;<y></y></p:x>"
    );
    let inclusive = canonical(text, Canonicalization::INCLUSIVE, Some("x"));
    assert_eq!(
        inclusive,
        "<p:x xmlns=\"urn:d\" xmlns:p=\"urn:p\" xmlns:q=\"urn:q\" a=\"1\" b=\"2\" xml:id=\"i\" xml:lang=\"vi\" q:c=\"3\">\n\t&#xD;&lt;&gt;&amp;<y xmlns=\"\"></y></p:x>"
    );
    let eleven = Canonicalization {
        method: Method::Inclusive11,
        comments: false,
    };
    assert!(!canonical(text, eleven.clone(), Some("x")).contains("xml:id"));
    let listed = Canonicalization {
        method: Method::Exclusive {
            inclusive_prefixes: vec!["#default".into()],
        },
        comments: false,
    };
    assert!(canonical(text, listed, Some("x")).starts_with("<p:x xmlns=\"urn:d\" xmlns:p="));
    let based = "<r xml:base=\"urn:b\"><x/></r>";
    let document = Document::parse(based.as_bytes()).unwrap();
    let inner = document.elements().nth(1);
    assert_eq!(
        eleven.to_vec(&document, inner, None, &Outer::default()),
        Err(XmlError::InheritedBase)
    );
}

/// Each with what is wrong. libxml2 refuses all of them but the depth, the number of attributes, and the encodings.
#[test]
fn n141_n142_what_is_not_well_formed_or_past_a_limit_is_refused() {
    let deep = "<a>".repeat(100_000) + &"</a>".repeat(100_000);
    let wide: String =
        (0..1_000_000).fold("<a".to_owned(), |text, at| text + " a" + &at.to_string() + "=''") + "/>";
    let bad: &[&str] = &[
        "",
        " ",
        "text",
        "<a>",
        "</a>",
        "<a></b>",
        "<a/><b/>",
        "<a/>text",
        "x<a/>",
        "<a b/>",
        "<a b=c/>",
        "<a b='1' b='2'/>",
        "<a b='1'c='2'/>",
        "<a b='<'/>",
        "<a>&x;</a>",
        "<a>&#0;</a>",
        "<a>&#xD800;</a>",
        "<a>&#xFFFE;</a>",
        "<a>& </a>",
        "<a>&amp</a>",
        "<a>]]></a>",
        "<a><!-- -- --></a>",
        "<a><!-- --->",
        "<a><?xml x?></a>",
        "<?xml version=\"1.1\"?><a/>",
        "<?xml version='1.0' encoding='utf-16'?><a/>",
        "<?xml encoding='utf-8'?><a/>",
        "<?xml version='1.0' standalone='maybe'?><a/>",
        " <?xml version='1.0'?><a/>",
        "<a>\u{0}</a>",
        "<a>\u{1}</a>",
        "<a>\u{ffff}</a>",
        "<p:a/>",
        "<a p:b=''/>",
        "<a xmlns:p=''/>",
        "<a xmlns:xmlns='urn:x'/>",
        "<a xmlns:xml='urn:x'/>",
        "<a xmlns:p='urn:x' xmlns:q='urn:x' p:b='' q:b=''/>",
        "<1a/>",
        "<a:b:c xmlns:a='urn:a'/>",
        "<a <b/>/>",
        "<![CDATA[x]]><a/>",
        "<a><![CDATA[x</a>",
        "< a/>",
        "<a / >",
        "<!DOCTYPE a><a/>",
        &deep,
        &wide,
    ];
    for text in bad {
        assert!(
            Document::parse(text.as_bytes()).is_err(),
            "{}",
            &text[..text.len().min(60)]
        );
    }
    let utf16: Vec<u8> = "<a/>".encode_utf16().flat_map(u16::to_le_bytes).collect();
    for bytes in [
        &utf16[..],
        b"<a>\xc0\xaf</a>",
        b"<a>\xed\xa0\x80</a>",
        b"\xff\xfe<\0a\0/\0>\0",
        b"+ADw-a/+AD4-",
    ] {
        assert!(Document::parse(bytes).is_err());
    }
    // Composed and decomposed letters stay what they are.
    let (composed, decomposed) = ("<a>\u{e2}</a>", "<a>a\u{302}</a>");
    let form = |text| canonical(text, Canonicalization::INCLUSIVE, None);
    assert_ne!(form(composed), form(decomposed));
    assert_eq!(form(decomposed), decomposed);
}
