//! The session states of the standard (PKCS #11, section 2.4 and its tables), a row each.

#![allow(clippy::unwrap_used, clippy::print_stdout)] // a test may fail, and says what it found

mod harness;

use cryptoki_sys::*;
use harness::raw::{Given, Library, bytes, no, number, yes};
use harness::{PIN, SO_PIN};

/// The states of table 3 and 4.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    RoPublic,
    RwPublic,
    RoUser,
    RwUser,
    RwOfficer,
}

use State::*;

const STATES: [State; 5] = [RoPublic, RwPublic, RoUser, RwUser, RwOfficer];

impl State {
    fn value(self) -> CK_STATE {
        match self {
            RoPublic => CKS_RO_PUBLIC_SESSION,
            RwPublic => CKS_RW_PUBLIC_SESSION,
            RoUser => CKS_RO_USER_FUNCTIONS,
            RwUser => CKS_RW_USER_FUNCTIONS,
            RwOfficer => CKS_RW_SO_FUNCTIONS,
        }
    }

    /// A session in this state, the only one with the token.
    fn enter(self, library: Library, slot: CK_SLOT_ID) -> CK_SESSION_HANDLE {
        let writes = matches!(self, RwPublic | RwUser | RwOfficer);
        let session = library
            .open(slot, if writes { CKF_RW_SESSION } else { 0 })
            .unwrap();
        match self {
            RoUser | RwUser => assert_eq!(library.login(session, CKU_USER, PIN), CKR_OK),
            RwOfficer => assert_eq!(library.login(session, CKU_SO, SO_PIN), CKR_OK),
            RoPublic | RwPublic => {}
        }
        assert_eq!(state(library, session), self.value());
        session
    }
}

fn state(library: Library, session: CK_SESSION_HANDLE) -> CK_STATE {
    library.session_info(session).unwrap().state
}

/// What a state may do with a kind of object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Access {
    Nothing,
    Read,
    Write,
}

/// Table 6: on the token? private? and what each of the states may do with it.
const ACCESS: [(bool, bool, [Access; 5]); 4] = {
    use Access::{Nothing, Read, Write};
    [
        (false, false, [Write; 5]),
        (false, true, [Nothing, Nothing, Write, Write, Nothing]),
        (true, false, [Read, Write, Read, Write, Write]),
        (true, true, [Nothing, Nothing, Read, Write, Nothing]),
    ]
};

fn flag(kind: CK_ATTRIBUTE_TYPE, value: bool) -> Given {
    if value { yes(kind) } else { no(kind) }
}

fn note(on_token: bool, private: bool) -> Vec<Given> {
    vec![
        number(CKA_CLASS, CKO_DATA),
        flag(CKA_TOKEN, on_token),
        flag(CKA_PRIVATE, private),
        bytes(CKA_LABEL, b"note"),
    ]
}

/// What a call answers.
type Answer = fn(Library, CK_SLOT_ID, CK_SESSION_HANDLE) -> CK_RV;

fn opened(answer: harness::raw::Result<CK_SESSION_HANDLE>) -> CK_RV {
    answer.err().unwrap_or(CKR_OK)
}

/// A call, its name, what each state answers in the order of [`STATES`], and the state after it where that is another.
type Move = (&'static str, Answer, [(CK_RV, Option<State>); 5]);

/// The calls that move between the states, and those that only some states allow.
const MOVES: &[Move] = &[
    (
        "the user logs in",
        |library, _, session| library.login(session, CKU_USER, PIN),
        [
            (CKR_OK, Some(RoUser)),
            (CKR_OK, Some(RwUser)),
            (CKR_USER_ALREADY_LOGGED_IN, None),
            (CKR_USER_ALREADY_LOGGED_IN, None),
            (CKR_USER_ANOTHER_ALREADY_LOGGED_IN, None),
        ],
    ),
    (
        "the officer logs in",
        |library, _, session| library.login(session, CKU_SO, SO_PIN),
        [
            (CKR_SESSION_READ_ONLY_EXISTS, None),
            (CKR_OK, Some(RwOfficer)),
            (CKR_SESSION_READ_ONLY_EXISTS, None),
            (CKR_USER_ANOTHER_ALREADY_LOGGED_IN, None),
            (CKR_USER_ALREADY_LOGGED_IN, None),
        ],
    ),
    (
        "a PIN for an operation that is not there",
        |library, _, session| library.login(session, CKU_CONTEXT_SPECIFIC, PIN),
        [(CKR_OPERATION_NOT_INITIALIZED, None); 5],
    ),
    (
        "a user of no known type",
        |library, _, session| library.login(session, 99, PIN),
        [(CKR_USER_TYPE_INVALID, None); 5],
    ),
    (
        "logout",
        |library, _, session| library.logout(session),
        [
            (CKR_USER_NOT_LOGGED_IN, None),
            (CKR_USER_NOT_LOGGED_IN, None),
            (CKR_OK, Some(RoPublic)),
            (CKR_OK, Some(RwPublic)),
            (CKR_OK, Some(RwPublic)),
        ],
    ),
    (
        "the user's PIN is set by the officer",
        |library, _, session| library.init_pin(session, PIN),
        [
            (CKR_USER_NOT_LOGGED_IN, None),
            (CKR_USER_NOT_LOGGED_IN, None),
            (CKR_USER_NOT_LOGGED_IN, None),
            (CKR_USER_NOT_LOGGED_IN, None),
            (CKR_OK, None),
        ],
    ),
    (
        "the user's PIN is changed by the user",
        |library, _, session| library.set_pin(session, PIN, PIN),
        [
            (CKR_SESSION_READ_ONLY, None),
            (CKR_OK, None),
            (CKR_SESSION_READ_ONLY, None),
            (CKR_OK, None),
            (CKR_PIN_INCORRECT, None),
        ],
    ),
    (
        "the officer's PIN is changed by the officer",
        |library, _, session| library.set_pin(session, SO_PIN, SO_PIN),
        [
            (CKR_SESSION_READ_ONLY, None),
            (CKR_PIN_INCORRECT, None),
            (CKR_SESSION_READ_ONLY, None),
            (CKR_PIN_INCORRECT, None),
            (CKR_OK, None),
        ],
    ),
    (
        "a reader opens",
        |library, slot, _| opened(library.open(slot, 0)),
        [
            (CKR_OK, None),
            (CKR_OK, None),
            (CKR_OK, None),
            (CKR_OK, None),
            (CKR_SESSION_READ_WRITE_SO_EXISTS, None),
        ],
    ),
    (
        "a writer opens",
        |library, slot, _| opened(library.open(slot, CKF_RW_SESSION)),
        [(CKR_OK, None); 5],
    ),
    (
        "a parallel session opens",
        |library, slot, _| opened(library.open_with(slot, CKF_RW_SESSION)),
        [(CKR_SESSION_PARALLEL_NOT_SUPPORTED, None); 5],
    ),
    (
        "an asynchronous session opens",
        |library, slot, _| opened(library.open(slot, CKF_RW_SESSION | CKF_ASYNC_SESSION)),
        [(CKR_SESSION_ASYNC_NOT_SUPPORTED, None); 5],
    ),
    (
        "the token is initialised under a session",
        |library, slot, _| library.init_token(slot, SO_PIN),
        [(CKR_SESSION_EXISTS, None); 5],
    ),
];

alone! {
    fn each_state_answers_each_call_as_the_standard_says(_home) {
        let library = Library::initialized();
        let slot = library.new_token();
        for (name, call, answers) in MOVES {
            for (from, (answer, after)) in STATES.into_iter().zip(answers) {
                let session = from.enter(library, slot);
                assert_eq!(call(library, slot, session), *answer, "{name}, {from:?}");
                assert_eq!(state(library, session), after.unwrap_or(from).value(), "after: {name}, {from:?}");
                assert_eq!(library.close_all(slot), CKR_OK);
                assert_eq!(library.close(session), CKR_SESSION_HANDLE_INVALID);
            }
        }
    }

    fn each_state_has_the_objects_that_the_standard_gives_it(_home) {
        let library = Library::initialized();
        let slot = library.new_token();
        for (on_token, private, row) in ACCESS {
            for (from, access) in STATES.into_iter().zip(row) {
                let what = format!("{from:?}, on the token {on_token}, private {private}");
                // One that was there before, where it can have been: made by the user, its handle still known.
                let keeper = library.open(slot, CKF_RW_SESSION).unwrap();
                assert_eq!(library.login(keeper, CKU_USER, PIN), CKR_OK);
                let before = library.create(keeper, &note(on_token, private)).unwrap();
                assert_eq!(library.logout(keeper), CKR_OK);
                let session = match from {
                    RwOfficer => {
                        assert_eq!(library.login(keeper, CKU_SO, SO_PIN), CKR_OK);
                        library.open(slot, CKF_RW_SESSION).unwrap()
                    }
                    _ => from.enter(library, slot),
                };
                assert_eq!(state(library, session), from.value());
                check_access(library, session, (on_token, private), access, before, &what);
                assert_eq!(library.close_all(slot), CKR_OK);
                clear(library, slot);
            }
        }
    }

    fn handles_of_private_objects_die_with_the_login(_home) {
        let library = Library::initialized();
        let slot = library.new_token();
        let session = RwUser.enter(library, slot);
        let stored = library.create(session, &note(true, true)).unwrap();
        let passing = library.create(session, &note(false, true)).unwrap();
        let public = library.create(session, &note(false, false)).unwrap();
        assert_eq!(library.logout(session), CKR_OK);
        assert_eq!(library.find(session, &[]), [public]);
        assert_eq!(library.login(session, CKU_USER, PIN), CKR_OK);
        for dead in [stored, passing] {
            assert_eq!(library.get(session, dead, CKA_LABEL), Err(CKR_OBJECT_HANDLE_INVALID));
        }
        // What is stored comes back under another handle; what was the session's is gone.
        let found = library.find(session, &[yes(CKA_PRIVATE)]);
        assert_eq!(found.len(), 1);
        assert!(library.is(session, found[0], CKA_TOKEN));
    }

    fn objects_of_a_session_die_with_it(_home) {
        let library = Library::initialized();
        let slot = library.new_token();
        let (one, other) = (RwUser.enter(library, slot), library.open(slot, 0).unwrap());
        let object = library.create(one, &note(false, false)).unwrap();
        // All sessions of the process see it while it lives.
        assert_eq!(library.get(other, object, CKA_LABEL).unwrap(), b"note");
        assert_eq!(library.close(one), CKR_OK);
        assert_eq!(library.get(other, object, CKA_LABEL), Err(CKR_OBJECT_HANDLE_INVALID));
        assert_eq!(library.find(other, &[]).len(), 0);
    }

    fn the_last_session_takes_the_login_along(_home) {
        let library = Library::initialized();
        let slot = library.new_token();
        let (one, other) = (RwUser.enter(library, slot), library.open(slot, CKF_RW_SESSION).unwrap());
        assert_eq!(library.close(one), CKR_OK);
        assert_eq!(state(library, other), CKS_RW_USER_FUNCTIONS);
        assert_eq!(library.close(other), CKR_OK);
        let session = library.open(slot, 0).unwrap();
        assert_eq!(state(library, session), CKS_RO_PUBLIC_SESSION);
    }

    fn before_the_user_has_a_pin_only_the_officer_logs_in(_home) {
        let library = Library::initialized();
        let slot = *library.slots().last().unwrap();
        assert_eq!(library.init_token(slot, SO_PIN), CKR_OK);
        assert_eq!(library.token_info(slot).unwrap().flags & CKF_USER_PIN_INITIALIZED, 0);
        let session = library.open(slot, CKF_RW_SESSION).unwrap();
        assert_eq!(library.login(session, CKU_USER, PIN), CKR_USER_PIN_NOT_INITIALIZED);
        assert_eq!(library.login(session, CKU_SO, SO_PIN), CKR_OK);
        assert_eq!(library.init_pin(session, "123"), CKR_PIN_LEN_RANGE);
        assert_eq!(library.init_pin(session, PIN), CKR_OK);
        assert_ne!(library.token_info(slot).unwrap().flags & CKF_USER_PIN_INITIALIZED, 0);
    }

    fn a_token_tells_the_truth_about_itself(_home) {
        let library = Library::initialized();
        let slot = library.new_token();
        let info = library.token_info(slot).unwrap();
        let has = CKF_RNG | CKF_LOGIN_REQUIRED | CKF_TOKEN_INITIALIZED | CKF_USER_PIN_INITIALIZED
            | CKF_DUAL_CRYPTO_OPERATIONS
            | CKF_RESTORE_KEY_NOT_NEEDED;
        assert_eq!(info.flags, has);
        assert_eq!((info.ulSessionCount, info.ulRwSessionCount), (0, 0));
        let reader = library.open(slot, 0).unwrap();
        let writer = library.open(slot, CKF_RW_SESSION).unwrap();
        let info = library.token_info(slot).unwrap();
        assert_eq!((info.ulSessionCount, info.ulRwSessionCount), (2, 1));
        assert_eq!(library.session_info(reader).unwrap().flags, CKF_SERIAL_SESSION);
        assert_eq!(library.session_info(writer).unwrap().flags, CKF_SERIAL_SESSION | CKF_RW_SESSION);
        assert_eq!(library.session_info(writer).unwrap().slotID, slot);
        // The free slot's token is there, and not initialised.
        let free = *library.slots().last().unwrap();
        assert_eq!(library.token_info(free).unwrap().flags & CKF_TOKEN_INITIALIZED, 0);
        assert_eq!(library.open(free, CKF_RW_SESSION), Err(CKR_TOKEN_NOT_RECOGNIZED));
        assert_eq!(library.open(free + 1, CKF_RW_SESSION), Err(CKR_SLOT_ID_INVALID));
    }
}

/// One cell of table 6: an object that was there `before`, and a new one.
fn check_access(
    library: Library,
    session: CK_SESSION_HANDLE,
    (on_token, private): (bool, bool),
    access: Access,
    before: CK_OBJECT_HANDLE,
    what: &str,
) {
    let created = library.create(session, &note(on_token, private));
    let found = library.find(session, &[flag(CKA_TOKEN, on_token), flag(CKA_PRIVATE, private)]);
    let label = [bytes(CKA_LABEL, b"other")];
    match access {
        Access::Write => {
            let object = created.unwrap();
            assert!(found.contains(&object), "{what}");
            for object in found {
                assert_eq!(library.set(session, object, &label), CKR_OK, "{what}");
                assert_eq!(library.get(session, object, CKA_LABEL).unwrap(), b"other");
                let copy = library.copy(session, object, &[]).unwrap();
                assert_eq!(library.destroy(session, copy), CKR_OK, "{what}");
                assert_eq!(library.destroy(session, object), CKR_OK, "{what}");
            }
        }
        Access::Read => {
            assert_eq!(created, Err(CKR_SESSION_READ_ONLY), "{what}");
            assert_eq!(found.len(), 1, "{what}");
            let object = found[0];
            assert_eq!(library.get(session, object, CKA_LABEL).unwrap(), b"note");
            assert!(library.object_size(session, object).unwrap() > 4);
            assert_eq!(
                library.set(session, object, &label),
                CKR_SESSION_READ_ONLY,
                "{what}"
            );
            assert_eq!(
                library.copy(session, object, &[]),
                Err(CKR_SESSION_READ_ONLY),
                "{what}"
            );
            assert_eq!(library.destroy(session, object), CKR_SESSION_READ_ONLY, "{what}");
            // A copy in the session is another thing.
            library.copy(session, object, &[no(CKA_TOKEN)]).unwrap();
        }
        Access::Nothing => {
            assert_eq!(created, Err(CKR_USER_NOT_LOGGED_IN), "{what}");
            assert_eq!(found, [], "{what}");
            let invalid = CKR_OBJECT_HANDLE_INVALID;
            assert_eq!(library.get(session, before, CKA_LABEL), Err(invalid), "{what}");
            assert_eq!(library.object_size(session, before), Err(invalid), "{what}");
            assert_eq!(library.set(session, before, &label), invalid, "{what}");
            assert_eq!(library.copy(session, before, &[]), Err(invalid), "{what}");
            assert_eq!(library.destroy(session, before), invalid, "{what}");
        }
    }
}

/// Removes what a row has left.
fn clear(library: Library, slot: CK_SLOT_ID) {
    let session = RwUser.enter(library, slot);
    for object in library.find(session, &[]) {
        assert_eq!(library.destroy(session, object), CKR_OK);
    }
    assert_eq!(library.close(session), CKR_OK);
}
