//! Tokens of which something cannot be read.

use crate::support::{Desk, TOKEN, fail, read_json, succeed};
use crate::{sign_and_verify, token_folders};

/// What `trien token list` and `trien doctor` say, in English and in Vietnamese; the doctor answers no.
fn told_of_damage(desk: &Desk) -> [String; 4] {
    let list = |locale: &str| succeed(desk.trien(["token", "list"]).env("LC_ALL", locale));
    let doctor = |locale: &str| fail(desk.trien(["doctor"]).env("LC_ALL", locale), 1);
    let [english, vietnamese] = ["en_US.UTF-8", "vi_VN.UTF-8"];
    [
        list(english),
        doctor(english),
        list(vietnamese),
        doctor(vietnamese),
    ]
}

#[track_caller]
fn is_told_with_a_remedy(told: &[String; 4], name: &str) {
    for (told, corrupt) in told.iter().zip(["corrupt", "corrupt", "hỏng", "hỏng"]) {
        let about = |line: &&str| line.contains(name) && line.to_lowercase().contains(corrupt);
        assert!(told.lines().any(|line| about(&line)), "{told}");
        assert!(told.contains("trien token import-store"), "{told}");
    }
}

#[test]
fn a_token_with_a_damaged_record_is_told_until_a_backup_is_restored() {
    let desk = Desk::with_keys(&[("ký", "ec:p256", "citizen")]);
    let archive = desk.path("saved.tar");
    succeed(
        desk.trien(["token", "export-store", "--token", TOKEN, "--out"])
            .arg(&archive),
    );
    let folder = token_folders(&desk).remove(0);
    let store = rusqlite::Connection::open(folder.join("token.db")).unwrap();
    let zeroed =
        "UPDATE object SET record = zeroblob(length(record)) WHERE id = (SELECT min(id) FROM object)";
    assert_eq!(store.execute(zeroed, []), Ok(1));
    drop(store);
    is_told_with_a_remedy(&told_of_damage(&desk), TOKEN);
    let listed = read_json(&succeed(desk.trien(["token", "list"]).arg("--json")));
    assert_eq!(
        (&listed[0]["damaged"], &listed[0]["label"]),
        (&true.into(), &TOKEN.into())
    );

    std::fs::rename(&folder, desk.path("damaged")).unwrap();
    succeed(desk.trien(["token", "import-store"]).arg(&archive));
    let listed = succeed(&mut desk.trien(["token", "list"]));
    assert!(listed.contains(TOKEN) && !listed.contains("corrupt"), "{listed}");
    sign_and_verify(&desk, &desk.home(), "ký");
}

#[test]
fn a_token_whose_store_is_cut_off_is_told_and_stands_in_nobodys_way() {
    let desk = Desk::with_token();
    let folder = token_folders(&desk).remove(0);
    let serial = folder.file_name().unwrap().to_str().unwrap();
    // The header is sound here, and what the PIN opens is not.
    let pins = rusqlite::Connection::open(folder.join("token.db")).unwrap();
    let zeroed = "UPDATE part SET body = zeroblob(length(body)) WHERE name = 'pin.user'";
    assert_eq!(pins.execute(zeroed, []), Ok(1));
    drop(pins);
    is_told_with_a_remedy(&told_of_damage(&desk), serial);
    let store = std::fs::OpenOptions::new()
        .write(true)
        .open(folder.join("token.db"))
        .unwrap();
    for length in [5000, 100, 0] {
        store.set_len(length).unwrap();
        let _ = std::fs::remove_file(folder.join("token.db-wal"));
        is_told_with_a_remedy(&told_of_damage(&desk), serial);
    }
    let listed = read_json(&succeed(desk.trien(["token", "list"]).arg("--json")));
    let damaged: Vec<_> = listed
        .as_array()
        .unwrap()
        .iter()
        .filter(|token| token["damaged"] == true)
        .collect();
    assert_eq!(damaged.len(), 1, "{listed}");
    assert_eq!(damaged[0]["initialized"], false, "{listed}");
    assert!(damaged[0]["label"].as_str().unwrap().contains(serial), "{listed}");

    // It is not taken for the free slot, nor does its name go to another one.
    let pin = desk.pin_file();
    let so_pin = ["--so-pin-file".as_ref(), pin.as_os_str()];
    let mut init = desk.trien(["token", "init", "--label", "mới"]);
    succeed(init.args(desk.pin()).args(so_pin));
    let listed = succeed(&mut desk.trien(["token", "list"]));
    assert!(listed.contains("mới") && listed.contains(serial), "{listed}");
}
