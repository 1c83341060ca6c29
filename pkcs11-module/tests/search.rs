//! Searches: what is found by any template is what comparing every object with it would find, whatever was changed,
//! destroyed or hidden before, and however many objects there are.

#![allow(clippy::unwrap_used)] // a test may fail

mod harness;

use std::time::{Duration, Instant};

use cryptoki::object::{Attribute, AttributeType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use harness::{PIN, actor, bytes, data, first_user_session, load, new_token, pin, role, user_session};

fn note(i: usize, label: &str, application: &str) -> Vec<Attribute> {
    let mut template = data(label, i.is_multiple_of(3), format!("value {i}").as_bytes());
    template.push(Attribute::Application(application.into()));
    if i.is_multiple_of(5) {
        template.retain(|attribute| !matches!(attribute, Attribute::Token(_)));
        template.push(Attribute::Token(false));
    }
    template
}

fn matches(session: &Session, object: ObjectHandle, template: &[Attribute]) -> bool {
    let kinds: Vec<AttributeType> = template.iter().map(Attribute::attribute_type).collect();
    session.get_attributes(object, &kinds).unwrap() == template
}

/// Holds every search against a look at all objects, one by one.
fn check(session: &Session) {
    let all = session.find_objects(&[]).unwrap();
    let label = |text: &str| Attribute::Label(text.into());
    let application = |text: &str| Attribute::Application(text.into());
    let class = || Attribute::Class(ObjectClass::DATA);
    for template in [
        vec![class()],
        vec![label("even")],
        vec![label("even"), application("a")],
        vec![application("b"), label("even"), class()],
        vec![label("changed")],
        vec![class(), Attribute::Value(b"value 7".to_vec())],
        vec![Attribute::Value(b"value 7".to_vec()), class()],
        vec![Attribute::Value(b"value 7".to_vec())],
        vec![Attribute::Token(false)],
        vec![Attribute::Private(true), label("odd")],
        vec![label("")],
        vec![label("nobody")],
    ] {
        let one_by_one: Vec<_> = all
            .iter()
            .copied()
            .filter(|&o| matches(session, o, &template))
            .collect();
        assert_eq!(
            session.find_objects(&template).unwrap(),
            one_by_one,
            "{template:?}"
        );
    }
    let secret = [class(), Attribute::KeyType(cryptoki::object::KeyType::AES)];
    assert!(session.find_objects(&secret).unwrap().is_empty());
}

alone! {
    fn an_index_finds_what_a_look_at_every_object_finds(home) {
        let test = "an_index_finds_what_a_look_at_every_object_finds";
        let library = load();
        if role().is_some() {
            let session = first_user_session(&library);
            for i in 200..230 {
                session.create_object(&note(i, "even", "theirs")).unwrap();
            }
            for object in session.find_objects(&[Attribute::Label(b"odd".to_vec())]).unwrap().into_iter().step_by(3) {
                session.destroy_object(object).unwrap();
            }
            return check(&session);
        }
        let slot = new_token(&library, "token");
        let session = user_session(&library, slot);
        let mut objects = Vec::new();
        for i in 0..60 {
            let label = ["even", "odd"][i % 2];
            objects.push(session.create_object(&note(i, label, ["a", "b", "c"][i % 3])).unwrap());
        }
        objects.push(session.create_object(&note(1, "", "empty")).unwrap());
        check(&session);
        for object in objects.iter().step_by(7) {
            session.update_attributes(*object, &[Attribute::Label(b"changed".to_vec())]).unwrap();
        }
        check(&session);
        for object in objects.iter().step_by(4) {
            session.destroy_object(*object).unwrap();
        }
        check(&session);
        session.copy_object(objects[1], &[Attribute::Label(b"changed".to_vec())]).unwrap();
        check(&session);
        assert!(actor(test, home, "other").status().unwrap().success());
        check(&session);
        assert_eq!(session.find_objects(&[Attribute::Application(b"theirs".to_vec())]).unwrap().len(), 24);
        session.logout().unwrap();
        check(&session);
        assert!(session.find_objects(&[Attribute::Private(true)]).unwrap().is_empty());
        session.login(UserType::User, Some(&pin(PIN))).unwrap();
        check(&session);
        drop(session);
        let session = user_session(&library, slot);
        assert!(session.find_objects(&[Attribute::Token(false)]).unwrap().is_empty());
        check(&session);
    }

    /// Session objects, because they are made quickly; the index does not tell them apart.
    fn a_search_takes_no_longer_among_many(_home) {
        let library = load();
        let session = user_session(&library, new_token(&library, "token"));
        let note = |i: usize| {
            let mut template = data(&format!("note-{i}"), true, b"x");
            template[1] = Attribute::Token(false);
            template
        };
        let search = || {
            let template = [Attribute::Class(ObjectClass::DATA), Attribute::Label(b"note-3".to_vec())];
            let begun = Instant::now();
            let found = session.find_objects(&template).unwrap();
            let time = begun.elapsed();
            assert_eq!(bytes(&session, found[0], AttributeType::Label), b"note-3");
            assert_eq!(found.len(), 1);
            time
        };
        let quickest = || (0..200).map(|_| search()).min().unwrap();
        let fill = |from, to| {
            for i in from..to {
                session.create_object(&note(i)).unwrap();
            }
        };
        fill(0, 10);
        let among_ten = quickest();
        fill(10, 10_000);
        let among_many = quickest();
        // A look at every object would take a thousand times as long.
        assert!(among_many < 5 * among_ten + Duration::from_micros(50), "{among_ten:?}, {among_many:?}");
    }
}
