//! What one reader shows and another does not, and what shows something other than it is.

use crate::drafts::Draft;
use crate::{OFFICE, check, try_to_show, try_to_sign};
use trien_signatures::pades::{Appearance, Place, verify};
use trien_signatures::report::FindingKind;

/// How often the kind is found; nothing else is.
fn count(document: &[u8], kind: FindingKind, name: &str) -> u32 {
    let findings = check(document).findings;
    match findings.as_slice() {
        [] => 0,
        [one] if one.kind == kind => {
            assert!(one.object.is_some(), "{name}");
            one.count
        }
        others => panic!("{name}: {others:?}"),
    }
}

/// In the open, packed away and signed.
#[track_caller]
fn assert_found(draft: &Draft, kind: FindingKind, expected: u32, name: &str) {
    for document in [draft.classic(), draft.streams()] {
        assert_eq!(count(&document, kind, name), expected, "{name}");
        let signed = try_to_sign(&document).unwrap();
        assert_eq!(count(&signed, kind, name), expected, "{name}, signed");
        // It has no say in the verdict.
        assert!(check(&signed).valid(), "{name}");
    }
}

/// A form XObject.
fn form(entries: &str, content: &str) -> String {
    let length = content.len();
    format!("<< /Subtype /Form {entries} /Length {length} >>\nstream\n{content}\nendstream")
}

#[test]
fn n127_layers_that_are_not_always_shown_are_listed() {
    let group = |usage: &str| format!("<< /Type /OCG /Name (Ban nhap) {usage} >>");
    let states = |view: &str, print: &str| {
        group(&format!(
            "/Usage << /View << /ViewState /{view} >> /Print << /PrintState /{print} >> >>"
        ))
    };
    let zoom = group("/Usage << /Zoom << /min 4 >> >>");
    let by_zoom = "/AS [<< /Event /View /Category [/Zoom] /OCGs [20 0 R] >>]";
    let on_paper = "/AS [<< /Event /Print /Category [/Print] /OCGs [20 0 R] >>]";
    let membership = |policy: &str| format!("<< /Type /OCMD /OCGs 20 0 R {policy} >>");
    let any_on = membership("/P /AnyOn");
    let cases = [
        ("always on", group(""), "", any_on.clone(), 0),
        ("off at first", group(""), "/OFF [20 0 R]", any_on.clone(), 1),
        (
            "all off at first",
            group(""),
            "/BaseState /OFF",
            any_on.clone(),
            1,
        ),
        (
            "but this one",
            group(""),
            "/BaseState /OFF /ON [20 0 R]",
            any_on.clone(),
            0,
        ),
        ("not on paper", states("ON", "OFF"), on_paper, any_on.clone(), 1),
        ("on paper alone", states("OFF", "ON"), on_paper, any_on.clone(), 1),
        (
            "said by the group alone",
            states("ON", "OFF"),
            "",
            any_on.clone(),
            1,
        ),
        (
            "a watermark as programs make it",
            states("ON", "ON"),
            on_paper,
            any_on.clone(),
            0,
        ),
        ("close by", zoom.clone(), by_zoom, any_on.clone(), 1),
        ("close by, if anybody asked", zoom, "", any_on, 0),
        ("instead of another", group(""), "", membership("/P /AllOff"), 1),
        (
            "instead of another, in words",
            group(""),
            "",
            membership("/VE [/Not 20 0 R]"),
            1,
        ),
        (
            "what is no layer",
            group(""),
            "/OFF [4 0 R]",
            membership("/VE [/And 20 0 R]"),
            0,
        ),
    ];
    for (name, group, default, membership, expected) in cases {
        let mut draft = Draft::new();
        draft
            .extend(
                1,
                &format!("/OCProperties << /OCGs [20 0 R] /D << /Order [20 0 R] {default} >> >>"),
            )
            .set(20, &group)
            .set(21, &membership);
        assert_found(&draft, FindingKind::HiddenLayer, expected, name);
    }
}

/// A document with an annotation, drawn by this form. Its text stands 40 from the left and 200 from below.
fn annotated(annotation: &str, appearance: &str) -> Draft {
    let mut draft = Draft::new();
    draft
        .extend(3, "/Annots [20 0 R]")
        .set(20, &format!("<< /Type /Annot {annotation} >>"))
        .set(21, appearance)
        .set(
            22,
            "<< /ExtGState << /M << /BM /Multiply >> /T << /ca 0.4 >> /O << /ca 1 /BM /Normal >> >> \
             /XObject << /P 23 0 R /S 24 0 R /F 25 0 R /O 26 0 R /K 28 0 R /N 29 0 R >> \
             /Pattern << /Full 30 0 R /Gaps 31 0 R /Far 32 0 R /Sh << /PatternType 2 /Shading << >> >> >> \
             /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >>",
        )
        .set(23, &picture(""))
        .set(24, &picture("/SMask 23 0 R"))
        .set(25, &form("/BBox [0 0 9 9]", "0 0 9 9 re f"))
        .set(26, &picture("/SMask 27 0 R"))
        .set(
            27,
            "<< /Subtype /Image /Width 1 /Height 1 /BitsPerComponent 8 /ColorSpace /DeviceGray \
             /Filter /ASCIIHexDecode /Length 3 >>\nstream\nFF>\nendstream",
        )
        .set(28, &picture("/Mask [0 9]"))
        .set(29, &picture("/Mask [120 130]"))
        .set(30, &tile("2", "0 0 2 2 re f"))
        .set(31, &tile("2", "0 0 1 2 re f"))
        .set(32, &tile("4", "0 0 2 2 re f"));
    draft
}

/// A pattern of tiles of 2 by 2.
fn tile(step: &str, content: &str) -> String {
    form(
        &format!("/PatternType 1 /PaintType 1 /TilingType 1 /BBox [0 0 2 2] /XStep {step} /YStep 2"),
        content,
    )
}

fn picture(more: &str) -> String {
    format!(
        "<< /Subtype /Image /Width 1 /Height 1 /BitsPerComponent 8 /ColorSpace /DeviceGray {more} /Length 1 >>\n\
         stream\n~\nendstream"
    )
}

#[test]
fn n127_annotations_over_what_a_page_says_are_listed() {
    const ON_TEXT: &str = "/Subtype /Stamp /Rect [100 190 200 220] /AP << /N 21 0 R >>";
    const BESIDE: &str = "/Subtype /Stamp /Rect [100 20 200 50] /AP << /N 21 0 R >>";
    const WIDE: &str = "/Subtype /Stamp /Rect [0 0 300 150] /AP << /N 21 0 R >>";
    let fields = "/BBox [0 0 10 10] /Resources 22 0 R";
    let drawn = |content: &str| form(fields, content);
    let white = "1 g 0 0 10 10 re f";
    let cases: Vec<(&str, &str, String, u32)> = vec![
        ("white", ON_TEXT, drawn(white), 1),
        ("beside", BESIDE, drawn(white), 0),
        ("much of the page", WIDE, drawn(white), 1),
        (
            "in pieces",
            WIDE,
            drawn("0 0 10 5 re f q 0 5 10 5 re W n 0 0 10 10 re f Q"),
            1,
        ),
        ("of lines", ON_TEXT, drawn("0 0 m 10 0 l 10 10 l 0 10 l h f"), 1),
        ("a picture", ON_TEXT, drawn("q 10 0 0 10 0 0 cm /P Do Q"), 1),
        (
            "a picture within",
            ON_TEXT,
            drawn("q 10 0 0 10 0 0 cm BI /W 1 /H 1 /BPC 8 /CS /G ID ~ EI Q"),
            1,
        ),
        ("a form", ON_TEXT, drawn("/F Do"), 1),
        ("a shading", ON_TEXT, drawn("/Sh sh"), 1),
        ("opaque again", ON_TEXT, drawn("/T gs /O gs 0 0 10 10 re f"), 1),
        (
            "turned and moved",
            ON_TEXT,
            form(
                "/BBox [5 5 15 15] /Matrix [0 1 -1 0 3 3] /Resources 22 0 R",
                "5 5 10 10 re f",
            ),
            1,
        ),
        (
            "in the state it has",
            "/Subtype /Widget /FT /Btn /T (x) /Rect [100 190 200 220] /AS /On /AP << /N << /On 21 0 R >> >>",
            drawn(white),
            1,
        ),
        (
            "on paper alone",
            "/F 36 /Subtype /Stamp /Rect [100 190 200 220] /AP << /N 21 0 R >>",
            drawn(white),
            1,
        ),
        (
            "by the reader",
            "/Subtype /FreeText /Rect [100 190 200 220] /C [1 1 1] /Contents (x)",
            drawn(""),
            1,
        ),
        (
            "a signature that is none",
            "/Subtype /Widget /FT /Sig /T (x) /Rect [100 190 200 220] /AP << /N 21 0 R >>",
            drawn(white),
            1,
        ),
        (
            "a picture whose mask hides nothing",
            ON_TEXT,
            drawn("q 10 0 0 10 0 0 cm /O Do Q"),
            1,
        ),
        (
            "a picture without the colour that is let through",
            ON_TEXT,
            drawn("q 10 0 0 10 0 0 cm /K Do Q"),
            1,
        ),
        (
            "a stencil that is all ink",
            ON_TEXT,
            drawn("q 10 0 0 10 0 0 cm BI /W 1 /H 1 /IM true ID ~ EI Q"),
            1,
        ),
        ("a thick line", ON_TEXT, drawn("4 w 0 5 m 10 5 l S"), 1),
        ("a thick line askew", ON_TEXT, drawn("4 w 0 0 m 10 10 l S"), 1),
        ("a thick bow", ON_TEXT, drawn("6 w 0 3 m 3 7 7 7 10 3 c S"), 1),
        (
            "tiles without gaps",
            ON_TEXT,
            drawn("/Pattern cs /Full scn 0 0 10 10 re f"),
            1,
        ),
        (
            "a pattern that is a shading",
            ON_TEXT,
            drawn("/Pattern cs /Sh scn 0 0 10 10 re f"),
            1,
        ),
        // What people do to documents.
        ("a marker", ON_TEXT, drawn("/M gs 1 1 0 rg 0 0 10 10 re f"), 0),
        (
            "a thin marker",
            ON_TEXT,
            drawn("/T gs 1 1 0 rg 0 0 10 10 re f"),
            0,
        ),
        ("a seal with a mask", WIDE, drawn("q 10 0 0 10 0 0 cm /S Do Q"), 0),
        (
            "a stencil",
            ON_TEXT,
            drawn("q 10 0 0 10 0 0 cm BI /W 1 /H 1 /IM true /D [1 0] ID ~ EI Q"),
            0,
        ),
        (
            "a picture of the colour that is let through",
            ON_TEXT,
            drawn("q 10 0 0 10 0 0 cm /N Do Q"),
            0,
        ),
        ("a line through words", ON_TEXT, drawn(".2 w 0 5 m 10 5 l S"), 0),
        (
            "a thick line that shines through",
            ON_TEXT,
            drawn("/M gs 4 w 0 5 m 10 5 l S"),
            0,
        ),
        (
            "a thick line with gaps",
            ON_TEXT,
            drawn("4 w [1 1] 0 d 0 5 m 10 5 l S"),
            0,
        ),
        (
            "tiles with gaps",
            ON_TEXT,
            drawn("/Pattern cs /Gaps scn 0 0 10 10 re f"),
            0,
        ),
        (
            "tiles apart",
            ON_TEXT,
            drawn("/Pattern cs /Far scn 0 0 10 10 re f"),
            0,
        ),
        ("a stroke of ink", WIDE, drawn("0 0 m 10 10 l 0 10 l S"), 0),
        ("a frame", ON_TEXT, drawn("0 0 10 10 re 1 1 8 8 re f*"), 0),
        (
            "a disc",
            ON_TEXT,
            drawn("0 5 m 0 10 10 10 10 5 c 10 0 0 0 0 5 c f"),
            0,
        ),
        ("words", WIDE, drawn("BT /F1 2 Tf (DA NHAN) Tj ET"), 0),
        ("a line below", ON_TEXT, drawn("0 0 10 1 re f"), 0),
        ("cut away", ON_TEXT, drawn("0 0 10 1 re W n 0 0 10 10 re f"), 0),
        (
            "cut round",
            ON_TEXT,
            drawn("0 5 m 5 10 10 10 10 5 c h W n 0 0 10 10 re f"),
            0,
        ),
        (
            "a pattern",
            ON_TEXT,
            drawn("/Pattern cs /X scn 0 0 10 10 re f"),
            0,
        ),
        (
            "hidden",
            "/F 2 /Subtype /Stamp /Rect [100 190 200 220] /AP << /N 21 0 R >>",
            drawn(white),
            0,
        ),
        (
            "a link",
            "/Subtype /Link /Rect [100 190 200 220] /Border [0 0 1] /C [1 0 0]",
            drawn(""),
            0,
        ),
    ];
    for (name, annotation, appearance, expected) in cases {
        let draft = annotated(annotation, &appearance);
        assert_found(&draft, FindingKind::CoveringAnnotation, expected, name);
    }
}

/// The filters of a stream, and what they are told, may stand elsewhere (7.3.8.2).
#[test]
fn n127_annotations_whose_filters_are_objects_of_their_own_are_looked_at() {
    let annotation = "/Subtype /Stamp /Rect [100 190 200 220] /AP << /N 21 0 R >>";
    // `0 0 10 10 re f`
    let content = "3020302031302031302072652066>";
    let rows = [
        ("/Filter 30 0 R", "/ASCIIHexDecode"),
        ("/Filter [30 0 R]", "/ASCIIHexDecode"),
        ("/Filter 30 0 R", "[/ASCIIHexDecode]"),
        ("/Filter 30 0 R", "[31 0 R]"),
        (
            "/Filter /ASCIIHexDecode /DecodeParms [30 0 R]",
            "<< /Predictor 32 0 R >>",
        ),
    ];
    for (entries, elsewhere) in rows {
        let mut draft = annotated(
            annotation,
            &form(&format!("/BBox [0 0 10 10] {entries}"), content),
        );
        draft.set(30, elsewhere).set(31, "/ASCIIHexDecode").set(32, "1");
        assert_found(&draft, FindingKind::CoveringAnnotation, 1, entries);
    }
    let looping = form("/BBox [0 0 10 10] /Filter 30 0 R", content);
    let mut draft = annotated(annotation, &looping);
    draft.set(30, "[30 0 R]");
    assert_found(&draft, FindingKind::Unsearched, 1, "itself");
}

#[test]
fn n127_nothing_is_covered_where_nothing_is_drawn() {
    let mut draft = annotated(
        "/Subtype /Stamp /Rect [0 0 400 300] /AP << /N 21 0 R >>",
        &form("/BBox [0 0 9 9]", "0 0 9 9 re f"),
    );
    assert_found(&draft, FindingKind::CoveringAnnotation, 1, "a page");
    draft.set(4, "<< /Length 3 >>\nstream\nq Q\nendstream");
    assert_found(&draft, FindingKind::CoveringAnnotation, 0, "an empty page");
}

#[test]
fn n127_a_signature_over_the_text_is_no_annotation_that_covers_it() {
    let look = Appearance::plain(Place::on(1, [30.0, 100.0, 330.0, 260.0]), vec!["An".to_owned()]);
    let look = Appearance {
        code: Some("https://example.gov.vn/1".to_owned()),
        ..look
    };
    let shown = try_to_show(&Draft::new().classic(), Some(&look)).unwrap();
    let report = check(&shown);
    assert!(report.valid() && report.findings.is_empty(), "{report:?}");
}

/// A form of one field, drawn by this content, with a font that has the usual encoding.
fn filled(field: &str, content: &str) -> Draft {
    let mut draft = Draft::new();
    let font = |more: &str| format!("<< /Type /Font /Subtype /TrueType /BaseFont /X {more} >>");
    draft
        .extend(1, "/AcroForm << /Fields [20 0 R] >>")
        .extend(3, "/Annots [20 0 R]")
        .set(
            20,
            &format!(
                "<< /Type /Annot /Subtype /Widget /T (x) /Rect [20 20 220 40] /AP << /N 21 0 R >> {field} >>"
            ),
        )
        .set(
            21,
            &form(
                "/BBox [0 0 200 20] /Resources << /Font << /W 22 0 R /N 23 0 R >> >>",
                &format!("/Tx BMC q BT /W 12 Tf 2 5 Td {content} ET Q EMC"),
            ),
        )
        .set(22, &font("/Encoding /WinAnsiEncoding"))
        .set(23, &font(""));
    draft
}

#[test]
fn n127_fields_that_show_something_other_than_their_value_are_listed() {
    const TEXT: &str = "/FT /Tx /V (1 000 000)";
    let choice = |value: &str| format!("/FT /Ch /Ff 131072 /Opt [[(1) (Mot)] [(2) (Hai)]] /V ({value})");
    let rows: Vec<(&str, &str, &str, u32)> = vec![
        ("the same", TEXT, "(1 000 000) Tj", 0),
        ("less", TEXT, "(1 000) Tj", 1),
        ("another", TEXT, "(9 000 000) Tj", 1),
        ("in pieces", TEXT, "[(1) -100 (000) -100 (00)] TJ (0) '", 0),
        (
            "another in pieces",
            TEXT,
            "[(1) -100 (000) -100 (00)] TJ (1) '",
            1,
        ),
        ("in Unicode", "/FT /Tx /V <FEFF00E0>", "(\\340) Tj", 0),
        ("another in Unicode", "/FT /Tx /V <FEFF1EA1>", "(a) Tj", 1),
        ("not drawn yet", TEXT, "", 0),
        ("without a value", "/FT /Tx", "(x) Tj", 0),
        ("an unknown encoding", TEXT, "/N 12 Tf (x) Tj", 0),
        ("a font that is not there", TEXT, "/Z 12 Tf (x) Tj", 0),
        ("stars", "/FT /Tx /Ff 8192 /V (bi mat)", "(******) Tj", 0),
        ("no field of text", "/FT /Btn /Ff 65536 /V (x)", "(Gui) Tj", 0),
    ];
    for (name, field, content, expected) in rows {
        let draft = filled(field, content);
        assert_found(&draft, FindingKind::FieldAppearance, expected, name);
    }
    for (value, shown, expected) in [
        ("1", "Mot", 0),
        ("2", "2", 0),
        ("1", "Hai", 1),
        ("khac", "khac", 0),
    ] {
        let draft = filled(&choice(value), &format!("({shown}) Tj"));
        assert_found(&draft, FindingKind::FieldAppearance, expected, shown);
    }
    // A field whose widgets are others', and whose value is its parent's.
    let mut draft = filled("", "(khong) Tj");
    draft
        .set(24, "<< /FT /Tx /T (a) /V (co) /Kids [25 0 R] >>")
        .set(25, "<< /T (b) /Parent 24 0 R /Kids [20 0 R] >>")
        .set(
            1,
            "<< /Type /Catalog /Pages 2 0 R /AcroForm << /Fields [24 0 R] >> >>",
        )
        .set(
            20,
            "<< /Type /Annot /Subtype /Widget /Parent 25 0 R /Rect [20 20 220 40] /AP << /N 21 0 R >> >>",
        );
    assert_found(&draft, FindingKind::FieldAppearance, 1, "of a parent");
}

#[test]
fn n127_boxes_that_are_marked_otherwise_than_their_value_are_listed() {
    let rows = [
        ("as it says", "/V /Co /AS /Co", 0),
        ("marked, and not so", "/V /Off /AS /Co", 1),
        ("not marked, and yet so", "/V /Co /AS /Off", 1),
        ("another", "/V /Khac /AS /Co", 1),
        ("without a value", "/AS /Off", 0),
        ("nothing of both", "/V /Off /AS /Off", 0),
        ("a state that nothing draws", "/V /Off /AS /Khac", 0),
    ];
    for (name, field, expected) in rows {
        let mut draft = Draft::new();
        draft
            .extend(1, "/AcroForm << /Fields [20 0 R] >>")
            .extend(3, "/Annots [20 0 R]")
            .set(
                20,
                &format!(
                    "<< /Type /Annot /Subtype /Widget /FT /Btn /T (x) /Rect [20 20 30 30] \
                     /AP << /N << /Co 21 0 R /Off 22 0 R >> >> {field} >>"
                ),
            )
            .set(21, &form("/BBox [0 0 9 9]", "0 0 m 9 9 l S"))
            .set(22, &form("/BBox [0 0 9 9]", ""));
        assert_found(&draft, FindingKind::FieldAppearance, expected, name);
    }
}

#[test]
fn n127_appearances_that_draw_themselves_or_without_end_are_bounded() {
    let fields = "/BBox [0 0 10 10] /Resources << /XObject << /F 21 0 R >> >>";
    let loops = form(fields, &"/F Do ".repeat(1_000));
    let draft = annotated("/Subtype /Stamp /Rect [0 0 400 300] /AP << /N 21 0 R >>", &loops);
    assert_found(&draft, FindingKind::CoveringAnnotation, 0, "itself");
    // Of many that draw much, not all can be looked at.
    let much = form("/BBox [0 0 10 10]", &"0 0 1 1 re f ".repeat(900));
    let mut draft = annotated("/Subtype /Stamp /Rect [0 0 20 20] /AP << /N 21 0 R >>", &much);
    let annotations = "20 0 R ".repeat(20_000);
    draft.set(
        3,
        &format!("<< /Type /Page /Parent 2 0 R /MediaBox [0 0 400 300] /Annots [{annotations}] >>"),
    );
    let found = verify(&draft.classic(), &OFFICE.0.reliance()).unwrap().findings;
    assert!(
        found
            .iter()
            .any(|finding| finding.kind == FindingKind::Unsearched),
        "{found:?}"
    );
}

/// A page with this content, a picture, and fonts: one of the standard ones, and one whose letters have other names.
fn page(content: &str) -> Draft {
    let mut draft = Draft::with_text(content);
    draft
        .set(
            5,
            "<< /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> /F2 20 0 R /F3 23 0 R >> \
             /ExtGState << /Clear << /ca 0 >> /Thin << /ca .3 >> /Mixed << /BM /Difference >> >> \
             /ColorSpace << /I [/ICCBased 22 0 R] /S [/Separation /X /DeviceGray 24 0 R] >> /XObject << /P 21 0 R >> >>",
        )
        .set(
            20,
            "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding /ToUnicode 25 0 R >>",
        )
        .set(21, &picture(""))
        .set(22, "<< /N 3 /Length 1 >>\nstream\n~\nendstream")
        .set(
            23,
            "<< /Type /Font /Subtype /TrueType /BaseFont /X /ToUnicode 25 0 R /FontDescriptor \
             << /Type /FontDescriptor /FontName /X /Flags 4 >> >>",
        )
        .set(24, "<< /FunctionType 2 /N 1 /Domain [0 1] /C0 [1] /C1 [0] >>");
    let map =
        "1 begincodespacerange <00> <ff> endcodespacerange 2 beginbfchar <31> <0039> <41> <0041> endbfchar";
    draft.set(
        25,
        &format!("<< /Length {} >>\nstream\n{map}\nendstream", map.len()),
    );
    draft
}

#[test]
fn n127_text_that_cannot_be_seen_is_listed() {
    let text = |before: &str| format!("{before} BT /F1 12 Tf 40 200 Td (9 trieu dong) Tj ET");
    let rows = [
        ("black", text(""), 0),
        ("white", text("1 g"), 1),
        ("white of three", text("1 1 1 rg"), 1),
        ("no ink", text("0 0 0 0 k"), 1),
        ("nearly white", text(".99 .99 .98 rg"), 1),
        ("white of a profile", text("/I cs 1 1 1 sc"), 1),
        ("yellow", text("1 1 0 rg"), 0),
        ("light grey", text(".8 g"), 0),
        ("an ink of its own", text("/S cs 0 scn"), 0),
        ("painted by nothing", text("3 Tr"), 1),
        ("painted by lines", text("1 Tr 1 g"), 0),
        ("a clip", text("7 Tr"), 0),
        ("of no opacity", text("/Clear gs"), 1),
        ("of little opacity", text("/Thin gs"), 0),
        ("the opposite of what is below", text("/Mixed gs 1 g"), 0),
        ("white on black", text("0 0 400 300 re f 1 g"), 0),
        ("black on black", text("0 0 400 300 re f"), 1),
        ("white beside black", text("0 0 400 30 re f 1 g"), 1),
        (
            "white on white on black",
            text("0 0 400 300 re f 1 g 9 9 300 250 re f"),
            1,
        ),
        ("white on a line of black", text("0 199 400 2 re f 1 g"), 1),
        ("white on a picture", text("q 400 0 0 300 0 0 cm /P Do Q 1 g"), 0),
        (
            "white on a shape",
            text("0 0 m 400 0 l 400 300 l 200 350 l 0 300 l f 1 g"),
            0,
        ),
        ("white on a shading", text("/X sh 1 g"), 0),
        ("cut away", text("0 0 9 9 re W n 1 g"), 0),
        (
            "no letters",
            "1 g BT /F1 12 Tf 40 200 Td (. - ,) Tj ET".to_owned(),
            0,
        ),
        ("restored", text("q 1 g Q"), 0),
        // What a scanner's program writes below or above the picture of a page.
        (
            "read from a picture",
            text("q 400 0 0 300 0 0 cm /P Do Q 3 Tr"),
            0,
        ),
        (
            "read from a picture that comes later",
            text("q 3 Tr") + " Q q 400 0 0 300 0 0 cm /P Do Q",
            0,
        ),
        ("beside a picture", text("q 40 0 0 30 0 0 cm /P Do Q 3 Tr"), 1),
    ];
    for (name, content, expected) in rows {
        assert_found(&page(&content), FindingKind::HiddenText, expected, name);
    }
}

/// Other readers go on behind what makes no sense, and show what stands there.
#[test]
fn n127_what_stands_behind_what_makes_no_sense_was_not_looked_through() {
    let hidden = "1 g BT /F1 12 Tf 40 200 Td (9 trieu dong) Tj ET";
    let nonsense = [
        "]",
        "}",
        ">>",
        ")",
        "<zz>",
        "12ab",
        "<< 1 2 >>",
        "<< /A >>",
        "<< /A foo >>",
    ];
    for before in nonsense {
        let draft = page(&format!("{before} {hidden}"));
        assert_found(&draft, FindingKind::Unsearched, 1, before);
        let content = form("/BBox [0 0 10 10]", &format!("{before} 0 0 10 10 re f"));
        let stamp = annotated(
            "/Subtype /Stamp /Rect [100 190 200 220] /AP << /N 21 0 R >>",
            &content,
        );
        assert_found(&stamp, FindingKind::Unsearched, 1, before);
    }
    for sound in [
        hidden.to_owned(),
        format!("q BI /W 1 /H 1 /BPC 8 /CS /G ID ] EI Q {hidden}"),
        format!("true false null unknown {hidden} % ]"),
        format!("{hidden}  "),
    ] {
        assert_found(&page(&sound), FindingKind::HiddenText, 1, &sound);
    }
}

#[test]
fn n127_text_that_is_read_as_another_than_it_shows_is_listed() {
    for (name, content, expected) in [
        ("as it shows", "BT /F2 12 Tf 40 200 Td (A B) Tj ET", 0),
        ("another", "BT /F2 12 Tf 40 200 Td (1 000) Tj ET", 1),
        ("not shown", "BT /F2 12 Tf 40 200 Td ET", 0),
        (
            "of a font whose codes are its own",
            "BT /F3 12 Tf 40 200 Td (1) Tj ET",
            0,
        ),
    ] {
        assert_found(&page(content), FindingKind::OtherText, expected, name);
    }
}

#[test]
fn n127_text_that_is_read_as_another_than_its_embedded_font_has_is_listed() {
    let program = std::fs::read(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/fonts/LiberationSerif-Regular.ttf"
    ))
    .unwrap();
    let glyph = |letter| {
        ttf_parser::Face::parse(&program, 0)
            .unwrap()
            .glyph_index(letter)
            .unwrap()
            .0
    };
    let hex = hex::encode(&program);
    let draft = |said: char, map: &str, kind: &str| {
        let (one, said) = (glyph('1'), u32::from(said));
        let mut draft = Draft::with_text(&format!("BT /F1 12 Tf 40 200 Td <{one:04x}{one:04x}> Tj ET"));
        let unicode = format!(
            "1 begincodespacerange <0000> <ffff> endcodespacerange 1 beginbfchar <{one:04x}> <{said:04x}> endbfchar"
        );
        draft
            .set(5, "<< /Font << /F1 20 0 R >> >>")
            .set(
                20,
                "<< /Type /Font /Subtype /Type0 /BaseFont /X /Encoding /Identity-H /ToUnicode 25 0 R \
                 /DescendantFonts [21 0 R] >>",
            )
            .set(
                21,
                &format!(
                    "<< /Type /Font /Subtype /{kind} /BaseFont /X {map} /CIDSystemInfo << /Registry (Adobe) \
                     /Ordering (Identity) /Supplement 0 >> /FontDescriptor 22 0 R >>"
                ),
            )
            .set(
                22,
                "<< /Type /FontDescriptor /FontName /X /Flags 4 /FontFile2 23 0 R >>",
            )
            .set(
                23,
                &format!(
                    "<< /Filter /ASCIIHexDecode /Length {} >>\nstream\n{hex}>\nendstream",
                    hex.len() + 1
                ),
            )
            .set(24, "<< /Length 4 >>\nstream\n\0\0\0\0\nendstream")
            .set(
                25,
                &format!("<< /Length {} >>\nstream\n{unicode}\nendstream", unicode.len()),
            );
        draft
    };
    let identity = "/CIDToGIDMap /Identity";
    for (name, said, map, kind, expected) in [
        ("as it shows", '1', identity, "CIDFontType2", 0),
        ("another", '9', identity, "CIDFontType2", 1),
        ("without a map", '9', "", "CIDFontType2", 1),
        ("no letter of ASCII", 'đ', identity, "CIDFontType2", 0),
        // Which glyph a code has is told elsewhere.
        (
            "by a map of its own",
            '9',
            "/CIDToGIDMap 24 0 R",
            "CIDFontType2",
            0,
        ),
        ("of another kind", '9', identity, "CIDFontType0", 0),
    ] {
        assert_found(&draft(said, map, kind), FindingKind::OtherText, expected, name);
    }
}
