//! What somebody at the shell has written and cannot be right: told in his own language, without a sentence of another.

use std::path::Path;
use std::process::Command;

use crate::desk_with_key;
use crate::support::{Desk, error_code, fail, read_json, repository, succeed};

/// Words that stand in every few English sentences and are none of Vietnamese, of an option or of a file's key.
const ENGLISH: [&str; 29] = [
    "the", "is", "are", "was", "not", "no", "of", "has", "have", "cannot", "must", "there", "it", "that",
    "and", "with", "this", "be", "an", "already", "needs", "than", "such", "field", "unknown", "expected",
    "invalid", "missing", "found",
];

/// Fails where a word of English stands in a text that is Vietnamese. What is quoted is the person's own.
fn assert_vietnamese(told: &str) {
    let own: String = told.split('"').step_by(2).collect();
    for word in own.split(|letter: char| !letter.is_alphanumeric() && !"-_./'".contains(letter)) {
        assert!(
            !ENGLISH.contains(&word.to_lowercase().as_str()),
            "{word:?} in {told}"
        );
    }
    assert!(
        own.chars().any(|letter| "ạảấầệộợựữđơư".contains(letter)),
        "{told}"
    );
}

fn in_vietnamese(command: &mut Command) -> &mut Command {
    command.env("LC_ALL", "vi_VN.UTF-8").env("LANG", "vi_VN.UTF-8")
}

/// A PDF with an empty signature field, one that is signed, and one whose author wants something of its signature.
fn with_fields(desk: &Desk, seed: &str) -> std::path::PathBuf {
    let form = desk.path("form.pdf");
    let script = "import sys
from pikepdf import Array, Dictionary, Name, Object, Pdf
with Pdf.open(sys.argv[1]) as document:
    page = document.pages[0]
    fields = []
    for name, seed in (('Empty', None), ('Wanted', sys.argv[3])):
        field = Dictionary(Type=Name.Annot, Subtype=Name.Widget, FT=Name.Sig, T=name, F=132, P=page.obj,
                           Rect=[300, 100, 500, 160] if seed is None else [50, 100, 250, 160])
        if seed is not None:
            field.SV = Object.parse(seed.encode())
        fields.append(document.make_indirect(field))
    page.Annots = Array(fields)
    document.Root.AcroForm = Dictionary(Fields=Array(fields))
    document.save(sys.argv[2])
";
    let mut python = Command::new(repository().join("target/judges/bin/python"));
    let dossier = repository().join("testdata/documents/dossier.pdf");
    succeed(
        python
            .args(["-B", "-c", script])
            .args([&dossier, &form])
            .arg(seed),
    );
    form
}

#[test]
fn mistakes_of_place_keyword_field_preset_and_template_have_words_of_their_own_in_vietnamese() {
    let desk = Desk::with_keys(&[("an", "ec:p256", "citizen")]);
    let dossier = repository().join("testdata/documents/dossier.pdf");
    let form = with_fields(&desk, "<< /Type /SV /Ff 64 /DigestMethod [(SHA512)] >>");
    let presets = desk.home().join("config/appearances");
    std::fs::create_dir_all(&presets).unwrap();
    for (name, text) in [
        ("wrong-key", "[place]\nsize-mm = [60.0, 20.0]\ncolour = 3\n"),
        ("no-toml", "[place\n"),
        ("no-place", "[look]\nframe = true\n"),
        ("huge", "[place]\nsize-mm = [60000.0, 20.0]\n"),
        (
            "no-picture",
            "[place]\nsize-mm = [60.0, 20.0]\n[look]\nmark = \"picture\"\npicture = \"none.png\"\n",
        ),
    ] {
        std::fs::write(presets.join(format!("{name}.toml")), text).unwrap();
    }
    let templates = desk.home().join("config/templates");
    std::fs::create_dir_all(&templates).unwrap();
    std::fs::write(templates.join("mine.toml"), "nothing = 1\n").unwrap();
    let no_png = desk.path("no.png");
    std::fs::write(&no_png, "no picture").unwrap();
    let no_png = no_png.to_str().unwrap();
    let xml = desk.path("x.xml");
    std::fs::write(&xml, "<a/>").unwrap();
    let plain = ["--appearance", "plain"];
    let with = |more: &[&'static str]| [plain.as_slice(), more].concat();
    let told = |input: &Path, words: &[&str], exit: i32, said: &str| {
        let mut sign = desk.trien(["sign", "--cert", "an", "--out"]);
        sign.arg(desk.path("none"))
            .arg(input)
            .args(words)
            .args(desk.pin());
        let told = fail(in_vietnamese(&mut sign), exit);
        assert_vietnamese(&told);
        assert!(told.contains(said), "{words:?}: {told}");
        assert!(!told.contains("Chi tiết kỹ thuật"), "{words:?}: {told}");
    };
    for (words, said) in [
        (with(&["--page", "99"]), "không có trang 99"),
        (with(&["--rectangle", "5000,5000,5100,5100"]), "nằm ngoài trang"),
        (with(&["--rectangle", "10,10,12,12"]), "quá nhỏ"),
        (with(&["--at-keyword", "Nowhere"]), "từ khóa"),
        (with(&["--qr", ""]), "mã QR"),
        (vec!["--appearance", "plian"], "\"plian\""),
        (vec!["--appearance", "ä"], "không thể là tên"),
        (vec!["--appearance", "number-and-date"], "\"number\""),
        (vec!["--appearance", "person"], "cần một hình ảnh"),
        (
            vec!["--appearance", "person", "--image", no_png],
            "không phải PNG",
        ),
        (
            vec!["--appearance", "wrong-key"],
            "dòng 3: không có khóa \"colour\"",
        ),
        (vec!["--appearance", "no-toml"], "không đúng cú pháp TOML"),
        (vec!["--appearance", "no-place"], "thiếu khóa \"place\""),
        (vec!["--appearance", "huge"], "kích thước"),
        (vec!["--appearance", "no-picture"], "none.png"),
        (
            vec!["--appearance", "copy", "--value", "from=TRÍCH SAO"],
            "không có chỗ cho giá trị \"from\"; các giá trị của nó: form.",
        ),
        (
            vec!["--appearance", "plain", "--value", "form=TRÍCH SAO"],
            "không có chỗ cho giá trị \"form\".",
        ),
        (vec!["--lock", "Nowhere"], "không có ô nào tên \"Nowhere\""),
        (vec!["--field", "Nowhere"], "không có ô chữ ký nào"),
        (
            vec!["--format", "cades", "--field", "Empty"],
            "chỉ có ở chữ ký PAdES",
        ),
        (vec!["--format", "cades", "--reason", "x"], "Lý do ký"),
    ] {
        told(&dossier, &words, 2, said);
    }
    told(
        &xml,
        &["--format", "xmldsig", "--template", "e-invoise"],
        2,
        "Không có mẫu",
    );
    told(&xml, &["--format", "xmldsig", "--template", "mine"], 2, "mẫu");
    told(
        &xml,
        &["--format", "xmldsig", "--template", "../x"],
        2,
        "không thể là tên",
    );

    // What the author of a document does not want says by which entry he does not.
    told(&form, &["--field", "Wanted"], 1, "hàm băm khác (SV/DigestMethod)");
    let form = with_fields(&desk, "<< /Type /SV /Ff 8 /Reasons [(Duyet)] >>");
    told(&form, &["--field", "Wanted", "--reason", "x"], 1, "SV/Reasons");
    let form = with_fields(&desk, "<< /Type /SV /Cert << /Type /SVCert /Ff 1 >> >>");
    told(&form, &["--field", "Wanted"], 1, "SV/Cert");
    // A signature that locks the other field, and one that certifies against any change.
    let sign = |input: &Path, out: &str, words: &[&str]| {
        let out = desk.path(out);
        let mut sign = desk.trien(["sign", "--cert", "an", "--out"]);
        succeed(sign.arg(&out).arg(input).args(words).args(desk.pin()));
        out
    };
    let locked = sign(&form, "locked.pdf", &["--lock", "Empty"]);
    told(&locked, &["--field", "Empty"], 1, "FieldMDP");
    let signed = sign(&form, "signed.pdf", &["--field", "Empty"]);
    told(&signed, &["--field", "Empty"], 2, "đã được ký rồi");
    told(&signed, &["--certify", "1"], 1, "chữ ký đầu tiên");
    let certified = sign(&dossier, "certified.pdf", &["--certify", "1"]);
    told(&certified, &[], 1, "DocMDP, P = 1");
    let certified = sign(&dossier, "certified-2.pdf", &["--certify", "2"]);
    told(&certified, &plain, 2, "chứng thực");
}

#[test]
fn mistakes_in_the_configuration_are_told_in_vietnamese_with_their_line() {
    let desk = Desk::bare();
    std::fs::create_dir_all(desk.home().join("config")).unwrap();
    let config = desk.home().join("config/config.toml");
    let module = "[[modules]]\nname = \"m\"\n";
    for (text, said) in [
        (
            "developer = true\nunheard = 1\n",
            "dòng 2: không có khóa \"unheard\"",
        ),
        ("developer = 1\n", "dòng 1: giá trị không đúng kiểu"),
        (
            "developer = true\ndeveloper = true\n",
            "dòng 2: một khóa xuất hiện hai lần",
        ),
        ("not toml", "dòng 1: không đúng cú pháp TOML"),
        ("refuse_documents = [\"all\"]\n", "có thể dùng: "),
        ("language = \"fr\"\n", "không có giá trị \"fr\""),
        ("[prompt]\nseconds = 0\n", "prompt.seconds phải từ 1 đến 600"),
        (
            "[prompt]\nprogram = \"x\"\n",
            "prompt.program phải là đường dẫn tuyệt đối",
        ),
        (
            "[network]\nretry_seconds = 0\n",
            "network.retry_seconds phải từ 1",
        ),
        (
            "[[timestamp_authorities]]\nurl = \"ftp://a\"\n",
            "http:// hoặc https://",
        ),
        (
            "[[timestamp_authorities]]\nurl = \"http://a\"\nseconds = 0\n",
            "timestamp_authorities.seconds phải từ 1 đến 600",
        ),
        (module, "hãy nêu path, hoặc libraries"),
        (
            &format!("{module}path = \"x.so\"\n"),
            "path phải là đường dẫn tuyệt đối",
        ),
        (
            &format!("{module}path = \"/x.so\"\nsha256 = \"1\"\n"),
            "64 chữ số",
        ),
        (
            &format!("{module}path = \"/x.so\"\nfolders = [\"x\"]\n"),
            "folders phải là",
        ),
        (
            &format!("{module}path = \"/x.so\"\nenvironment = [\"LD_PRELOAD\"]\n"),
            "LD_PRELOAD",
        ),
        (&format!("{module}libraries = [\"a/b\"]\n"), "tên các tệp"),
        ("[[modules]]\nname = \"A\"\npath = \"/x.so\"\n", "modules.name"),
        (
            "[[modules]]\nname = \"m\"\nlibraries = [\"x.so\"]\n[[modules]]\nname = \"m\"\nlibraries = [\"x.so\"]\n",
            "xuất hiện hai lần",
        ),
    ] {
        std::fs::write(&config, text).unwrap();
        for words in [&["cert", "list"][..], &["doctor"]] {
            let output = in_vietnamese(&mut desk.trien(words.iter().copied()))
                .output()
                .unwrap();
            assert!(!output.status.success(), "{text}");
            let told = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
            let told: Vec<_> = told.lines().filter(|line| line.contains("config.toml")).collect();
            let told = told.join("\n");
            assert_vietnamese(&told);
            assert!(told.contains(said), "{text}: {told}");
        }
    }
}

#[test]
fn a_file_with_pins_is_told_to_be_wrong_without_anything_that_stands_in_it() {
    const PIN: &str = "87654321";
    let desk = Desk::bare();
    let file = desk.path("tokens.toml");
    let token = "[[token]]\nlabel = \"a\"\n";
    let rule = "[[rule]]\nfunction = \"C_Sign\"\n";
    for (text, english, vietnamese) in [
        (
            format!("{token}pin = {PIN}\n"),
            "\"pin\": a text is wanted here",
            "\"pin\": ở đây cần một chuỗi ký tự",
        ),
        (format!("{token}so_pin = 0{PIN}\n"), "line 3: ", "dòng 3: "),
        (
            format!("{token}pin = a{PIN}\n"),
            "\"pin\": a text is wanted here",
            "\"pin\": ở đây cần một chuỗi ký tự",
        ),
        (
            format!("{token}pin = \"1\"\n[[token.key]]\nlabel = \"k\"\npassword = {PIN}99999999999999\n"),
            "line 6: \"password\": ",
            "dòng 6: \"password\": ",
        ),
        (
            format!("{token}pin = \"{PIN}\n"),
            "line 3: ",
            "dòng 3: không đúng cú pháp TOML",
        ),
        (
            format!("{token}pin = \"{PIN}\" 1\n"),
            "line 3: ",
            "dòng 3: không đúng cú pháp TOML",
        ),
        (
            format!("token = \"{PIN}\"\n"),
            "line 1: \"token\": a value is of the wrong type",
            "dòng 1: \"token\": giá trị không đúng kiểu",
        ),
        (
            format!("{token}pin = \"{PIN}\"\nlabl = 1\n"),
            "line 4: unknown field `labl`",
            "dòng 4: không có khóa \"labl\"",
        ),
        (
            format!("[[token]]\npin = \"{PIN}\"\n"),
            "line 1: missing field `label`",
            "dòng 1: thiếu khóa \"label\"",
        ),
    ] {
        std::fs::write(&file, &text).unwrap();
        let make: [&[&str]; 2] = [&["token", "init", "--from-spec"], &["daemon", "--simulate"]];
        for words in make {
            for json in [false, true] {
                let mut command = desk.trien(words.iter().copied());
                command.arg(&file).args(json.then_some("--json"));
                for in_english in [true, false] {
                    if !in_english {
                        in_vietnamese(&mut command);
                    }
                    let output = command.output().unwrap();
                    assert_eq!(output.status.code(), Some(2), "{output:?}");
                    let told = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
                    assert!(!told.contains(PIN), "{told}");
                    // JSON has quotes of its own.
                    let told = told.replace("\\\"", "\"");
                    let said = if in_english { english } else { vietnamese };
                    assert!(told.contains(said), "{text}: {told}");
                    if !in_english && !json {
                        assert_vietnamese(&told.replace(desk.path("").to_str().unwrap(), ""));
                    }
                }
            }
        }
    }
    // What a rule gets wrong, in Vietnamese too.
    for (text, said) in [
        (
            format!("{rule}do = \"delay\"\n"),
            "dòng 1: quy tắc của C_Sign thiếu giá trị",
        ),
        (
            rule.replace("Sign", "Sing") + "do = \"hang\"\n",
            "dòng 1: PKCS #11 không có hàm \"C_Sing\"",
        ),
        (
            format!("{rule}do = \"reach\"\n"),
            "dòng 1: hàm C_Sign không làm được",
        ),
        (
            format!("{rule}do = \"dance\"\n"),
            "dòng 3: không có giá trị \"dance\"",
        ),
        (
            format!("{rule}do = \"answer\"\nvalue = 1.5\n"),
            "giá trị không đúng kiểu",
        ),
        (token.to_owned(), "token \"a\" chưa có mã PIN"),
    ] {
        std::fs::write(&file, &text).unwrap();
        let mut command = desk.trien(["daemon", "--simulate"]);
        let told = fail(in_vietnamese(command.arg(&file)), 2);
        assert!(told.contains(said), "{text}: {told}");
        // What a rule may do has names that are English words.
        let ours = told.replace(file.to_str().unwrap(), "").replace(" missing,", "");
        assert_vietnamese(&ours);
    }
}

#[test]
fn files_that_are_no_text_or_no_permissions_are_told_of_in_vietnamese() {
    let desk = desk_with_key();
    let no_text = desk.path("no-text.toml");
    std::fs::write(&no_text, b"label = \"\xff\"\n").unwrap();
    let templates = desk.home().join("config/templates");
    std::fs::create_dir_all(&templates).unwrap();
    std::fs::copy(&no_text, templates.join("mine.toml")).unwrap();
    std::fs::write(desk.path("a.xml"), "<a/>").unwrap();
    let told = |command: &mut Command, exit: i32, said: &str| {
        let told = fail(in_vietnamese(command), exit);
        assert!(told.contains(said), "{told}");
        assert_vietnamese(&told.replace(desk.path("").to_str().unwrap(), ""));
    };
    let said = "không phải là văn bản UTF-8";
    for words in [&["token", "init", "--from-spec"][..], &["daemon", "--simulate"]] {
        told(desk.trien(words.iter().copied()).arg(&no_text), 3, said);
    }
    let mut sign = desk.trien([
        "sign",
        "--format",
        "xmldsig",
        "--template",
        "mine",
        "--cert",
        "an",
    ]);
    sign.arg(desk.path("a.xml")).arg("--out").arg(desk.path("none"));
    told(sign.args(desk.pin()), 2, said);

    let origins = desk.home().join("config/origins.toml");
    let entry = "[[origin]]\norigin = \"https://a.gov.vn\"\nscopes = [\"sign\"]\ngranted = \"2026-01-02T03:04:05Z\"\n";
    for (text, said) in [
        (b"\xff".to_vec(), "dòng 1: không phải là văn bản UTF-8"),
        (b"origen = 1\n".to_vec(), "dòng 1: không có khóa \"origen\""),
        (
            entry.replace("\"sign\"", "\"sing\"").into(),
            "dòng 3: không có giá trị \"sing\"",
        ),
        (
            entry.replace("https", "ftp").into(),
            "dòng 2: \"ftp://a.gov.vn\" không phải là địa chỉ gốc",
        ),
        (
            entry.repeat(2).into(),
            "dòng 6: \"https://a.gov.vn\" xuất hiện hai lần",
        ),
        (
            entry.replace("2026-01", "01").into(),
            "dòng 2: \"granted\" không phải là thời điểm",
        ),
        (
            format!("{entry}[origin.until]\nverify = \"2026-01-02T03:04:05Z\"\n").into(),
            "dòng 2: \"until\" nêu \"verify\"",
        ),
    ] {
        std::fs::write(&origins, text).unwrap();
        told(&mut desk.trien(["origin", "list"]), 3, said);
    }
}

#[test]
fn a_socket_whose_path_is_too_long_is_told_to_be_that() {
    let desk = Desk::bare();
    let home = desk.path(&"d".repeat(120));
    std::fs::create_dir(&home).unwrap();
    std::fs::set_permissions(&home, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    let mut daemon = desk.trien(["daemon"]);
    daemon.env("TRIEN_HOME", &home);
    assert_eq!(error_code(&mut daemon, 3), "service-socket-name");
    let mut daemon = desk.trien(["daemon"]);
    let told = fail(in_vietnamese(daemon.env("TRIEN_HOME", &home)), 3);
    assert!(
        told.contains("đường dẫn ngắn hơn") && !told.contains("SUN_LEN"),
        "{told}"
    );
}

#[test]
fn what_is_told_speaks_of_what_was_asked() {
    let desk = desk_with_key();
    let dossier = repository().join("testdata/documents/dossier.pdf");
    let alone = desk.path("đơn.p7s");
    let mut sign = desk.trien(["sign", "--format", "cades", "--detached", "--cert", "an", "--out"]);
    succeed(sign.arg(&alone).arg(desk.path("đơn.txt")).args(desk.pin()));
    let long = "x".repeat(3000);
    let key = desk.path("management");
    std::fs::write(&key, "01").unwrap();
    let sign = |input: &Path, words: &[&str]| {
        let mut sign = desk.trien(["sign", "--cert", "an", "--out"]);
        sign.arg(desk.path("none"))
            .arg(input)
            .args(words)
            .args(desk.pin());
        sign
    };
    let generate = || {
        let mut generate = crate::generate(&desk);
        generate.arg("--management-key-file").arg(&key).args(desk.pin());
        generate
    };
    let other = desk.path("other");
    std::fs::write(&other, "other").unwrap();
    for language in ["en", "vi"] {
        let vi = language == "vi";
        let told = |mut command: Command, exit: i32, said: &str, not: &str| {
            let told = fail(command.args(["--lang", language]), exit);
            assert!(told.contains(said) && !told.contains(not), "{told}");
        };
        let said = if vi {
            "dài quá 1024 ký tự"
        } else {
            "more than 1024 characters"
        };
        told(
            sign(&dossier, &["--reason", &long]),
            3,
            said,
            if vi {
                "tài liệu nhỏ"
            } else {
                "smaller document"
            },
        );
        let said = if vi { "--content TỆP" } else { "--content FILE" };
        told(sign(&alone, &["--parallel"]), 2, said, "sign --help");
        let words = ["--parallel", "--content", other.to_str().unwrap()];
        told(sign(&alone, &words), 2, "--content", "sign --help");
        let said = if vi {
            "không có khóa quản trị"
        } else {
            "has no management key"
        };
        told(
            generate(),
            2,
            said,
            if vi {
                "chứng thư số khác"
            } else {
                "another certificate"
            },
        );
        // Several, of which one keeps the others back: which.
        let folder = desk.path("several");
        std::fs::create_dir_all(&folder).unwrap();
        let several = || {
            let mut several = desk.trien(["sign", "--format", "pades", "--cert", "an", "--on-error", "stop"]);
            several
                .arg("--out")
                .arg(&folder)
                .args([&dossier, &desk.path("đơn.txt")]);
            several.args(desk.pin());
            several
        };
        told(several(), 3, "đơn.txt", "dossier.pdf");
        let told = read_json(&fail(several().args(["--json", "--lang", language]), 3));
        assert_eq!(told["error"]["code"], "document_unreadable");
        let message = told["error"]["message"].as_str().unwrap();
        assert!(message.contains("\"đơn.txt\""), "{told:#}");
        // Who cannot be asked is told for what.
        let mut nobody = Command::new("setsid");
        nobody.arg("--wait").arg(env!("CARGO_BIN_EXE_trien"));
        nobody
            .args(["token", "init", "--label", "x", "--lang", language])
            .args(desk.pin());
        nobody
            .env("TRIEN_HOME", desk.home())
            .stdin(std::process::Stdio::null());
        let told = fail(&mut nobody, 2);
        let said = if vi {
            "để hỏi mã PIN quản trị"
        } else {
            "to ask for the security officer's PIN"
        };
        assert!(told.contains(said) && told.contains("--so-pin-file"), "{told}");
    }
}
