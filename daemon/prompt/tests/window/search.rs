//! A document is found by any part of its name or its digest, however the person types it.

use trien_protocol::call::Language;
use trien_protocol::prompt::{PinEntry, Question};
use unicode_normalization::UnicodeNormalization;

use super::desk::{Asked, Desk, wait_for};
use super::pictures::digests;
use super::{document, question};

/// As many as the field for searching comes with, beside these.
fn among_others(names: &[&str]) -> Question {
    let mut many = question(PinEntry::NotNeeded);
    let others = (10..22).map(|n| format!("zq{n}.pdf"));
    let names = names.iter().map(|name| (*name).to_owned()).chain(others);
    many.documents = names
        .zip(90_000..)
        .map(|(name, size)| document(&name, size))
        .collect();
    // Without the button to open it, a line takes the keyboard.
    many.documents
        .iter_mut()
        .for_each(|document| document.kind = None);
    many
}

/// Goes there with the keyboard.
fn step_to(asked: &Asked<'_>, roles: &[&str], key: &str) {
    let mut steps = Vec::new();
    loop {
        let focused = asked.focused();
        if focused.as_deref().is_some_and(|role| roles.contains(&role)) {
            return;
        }
        steps.push(focused);
        assert!(steps.len() < 40, "{steps:?}");
        asked.key(key);
    }
}

/// Puts the words into the field by way of the clipboard: not every letter has a key.
fn search(asked: &Asked<'_>, words: &str) {
    step_to(asked, &["text", "entry"], "shift+Tab");
    asked.key("ctrl+a");
    asked.paste(words);
}

fn rows(asked: &Asked<'_>) -> Vec<String> {
    let tree = asked.accessible();
    let items = tree.all().into_iter().filter(|node| node.role == "list item");
    items.map(|node| node.name.clone()).collect()
}

/// Waits until these are the only rows.
#[track_caller]
fn assert_finds(asked: &Asked<'_>, words: &str, names: &[&str]) {
    search(asked, words);
    let found = || (rows(asked) == names).then_some(());
    wait_for(&format!("{names:?} for {words:?}"), found);
}

#[test]
fn a_word_in_the_middle_of_a_long_name_finds_it_and_its_line_shows_all_of_it() {
    let long = format!("{} quyết-định-0417 {}.pdf", "a".repeat(95), "b".repeat(85));
    let desk = Desk::with_assistive_technology();
    let asked = desk.ask(among_others(&[&long]));
    let shortened = format!("{}…{}.pdf", "a".repeat(59), "b".repeat(16));
    assert_finds(&asked, "quyết-định-0417", &[&shortened]);
    assert!(!asked.accessible().all().iter().any(|node| node.name == long));
    step_to(&asked, &["list item"], "Tab");
    asked.key("Return");
    asked.wait_until_told(&long);
}

#[test]
fn a_name_is_found_with_some_of_its_marks_or_none_and_by_decomposed_letters() {
    let desk = Desk::with_assistive_technology();
    let names = ["Hồ sơ số 1.pdf", "HỘ SỔ số 2.pdf", "Đơn số 3.pdf"];
    let asked = desk.ask(among_others(&names));
    assert_finds(&asked, "ho so", &names[..2]);
    assert_finds(&asked, "hô so", &names[..2]);
    assert_finds(&asked, "DON", &names[2..]);
    assert_finds(&asked, "đơn", &names[2..]);
    let decomposed: String = "Hồ sơ".nfd().collect();
    assert_finds(&asked, &decomposed, &names[..1]);
    drop(asked);
    // A name that the page gave decomposed is none the worse.
    let given: String = names[0].nfd().collect();
    let asked = desk.ask(among_others(&[&given]));
    assert_finds(&asked, "hồ SƠ", &names[..1]);
}

#[test]
fn a_search_that_finds_no_document_says_so() {
    says_so_where_nothing_is_found(
        &[
            (Language::Vi, "Không có tài liệu nào khớp."),
            (Language::En, "No document fits the search."),
        ],
        &among_others(&[]),
    );
}

#[test]
fn a_search_that_finds_no_digest_says_so() {
    let mut hashes = digests();
    hashes.documents = among_others(&[]).documents;
    says_so_where_nothing_is_found(
        &[
            (Language::Vi, "Không có giá trị băm nào khớp."),
            (Language::En, "No digest fits the search."),
        ],
        &hashes,
    );
}

fn says_so_where_nothing_is_found(words: &[(Language, &str)], question: &Question) {
    let desk = Desk::with_assistive_technology();
    for (language, told) in words {
        let mut question = question.clone();
        question.language = *language;
        let digest = question.documents[3].digest.clone();
        let asked = desk.ask(question);
        let is_told = || asked.accessible().all().iter().any(|node| node.name == *told);
        assert!(!is_told(), "{told}");
        search(&asked, "zq99");
        asked.wait_until_told(told);
        // It goes when something is found, here by its digest.
        assert_finds(&asked, &digest[20..40], &["zq13.pdf"]);
        wait_for("the line to go", || (!is_told()).then_some(()));
    }
}
