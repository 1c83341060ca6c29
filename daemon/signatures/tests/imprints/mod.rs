//! Time-stamps as others see them: a script puts together anew what each is about, OpenSSL judges the token over that.

#![allow(clippy::unwrap_used, reason = "what cannot be set up is a test that fails")]

use std::path::Path;

use crate::judge;
use crate::openssl::Workshop;

/// Has `openssl ts -verify` judge all time-stamps in a file, with these options; gives their kinds. The script is told
/// `more`, and prints a line for each: the file, the kind, what else it has to say.
pub(crate) fn verified(
    shop: &Workshop,
    script: &str,
    file: &Path,
    more: &[&str],
    options: &[&str],
) -> Vec<String> {
    let folder = file.with_extension("stamps");
    std::fs::create_dir_all(&folder).unwrap();
    let script = judge::script(script);
    let words = [
        script.as_str(),
        file.to_str().unwrap(),
        "--into",
        folder.to_str().unwrap(),
    ];
    let said = judge::python(&[&words[..], more].concat()).unwrap();
    let stamps = said.lines().enumerate().map(|(line, said)| {
        let [data, token] = ["data", "tst"].map(|end| folder.join(format!("{line}.{end}")));
        let (data, token) = (data.to_str().unwrap(), token.to_str().unwrap());
        let verify = ["ts", "-verify", "-data", data, "-in", token, "-token_in"];
        shop.run(&[&verify[..], options].concat());
        said.split('\t').nth(1).unwrap().to_owned()
    });
    stamps.collect()
}
