//! Containers that somebody has packed anew.

use std::process::Command;

use crate::support::{fail, read_json, succeed};
use crate::{sign_as, with_authority};

/// Packs a container anew: without its media type, with that as the last entry, or deflated.
const PACK: &str = r#"
import sys, zipfile
source, out, how = sys.argv[1:]
with zipfile.ZipFile(source) as old, zipfile.ZipFile(out, "w") as new:
    names = [name for name in old.namelist() if name != "mimetype"]
    order = {"without": names, "last": names + ["mimetype"], "deflated": ["mimetype"] + names}[how]
    for name in order:
        kind = zipfile.ZIP_DEFLATED if how == "deflated" and name == "mimetype" else zipfile.ZIP_STORED
        new.writestr(name, old.read(name), kind)
"#;

#[test]
fn n154_a_container_whose_media_type_is_out_of_place_is_named_so_at_the_shell() {
    let (office, _server, _) = with_authority("ec:p256");
    office.import(&["root.crl", "ca.crl"]);
    for format in ["asic-e", "asic-e-cades", "asic-s"] {
        succeed(&mut sign_as(&office, format, ("đơn.txt", "good.asice"), &[]));
        for how in ["without", "last", "deflated"] {
            let mut pack = Command::new("python3");
            pack.current_dir(office.desk.path("")).args(["-c", PACK]);
            succeed(pack.args(["good.asice", "bad.asice", how]));
            let mut verify = office.desk.trien(["verify", "--json"]);
            let report = read_json(&fail(verify.arg(office.desk.path("bad.asice")), 1));
            let signature = &report[0]["signatures"][0];
            assert_eq!(
                (&signature["indication"], &signature["reason"]),
                (&"TOTAL-FAILED".into(), &"malformed_signature".into()),
                "{format}, {how}: {report:#}"
            );
        }
    }
}
