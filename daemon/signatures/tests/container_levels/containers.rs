//! ASiC of both kinds, with both signatures.

use crate::archive::{FILES, entries, packed};
use trien_signatures::asic::{self, AsicSignature, File, Inside, Kind};
use trien_signatures::augment::AugmentError;
use trien_signatures::report::{Level, Warning};

use crate::{ASIC, PKI, archive, archives, soon};

pub(crate) fn container(kind: Kind, inside: Inside, files: &[File<'_>]) -> Vec<u8> {
    archive::container(&PKI.0, &PKI.1, kind, inside, files)
}

#[test]
fn containers_of_both_kinds_with_both_signatures_reach_every_level() {
    for (kind, files) in [(Kind::Simple, &FILES[..1]), (Kind::Extended, &FILES[..])] {
        for inside in [Inside::Xades, Inside::Cades] {
            let [lta, renewed] = ASIC.to_lta(&container(kind, inside, files));
            for signed in [&lta, &renewed] {
                // What every reader of ASiC wants stays: the media type first and plain, the files as they were.
                assert!(asic::looks_like(signed));
                let report = ASIC.judged(signed, soon());
                let names: Vec<_> = files.iter().map(|file| file.name).collect();
                assert_eq!(report.signatures[0].covered, names);
            }
            let manifests = entries(&renewed);
            let manifests = manifests
                .iter()
                .filter(|(name, _)| name.contains("ASiCArchiveManifest"));
            let expected = if (kind, inside) == (Kind::Extended, Inside::Cades) {
                2
            } else {
                0
            };
            assert_eq!(manifests.count(), expected, "{kind:?} {inside:?}");
        }
    }
}

#[test]
fn a_time_stamp_over_a_container_is_what_openssl_verifies_and_covers_every_file() {
    let [_, renewed] = ASIC.to_lta(&container(Kind::Extended, Inside::Cades, &FILES));
    let files = entries(&renewed);
    let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
    for (manifest, token) in [
        ("META-INF/ASiCArchiveManifest001.xml", "META-INF/timestamp001.tst"),
        ("META-INF/ASiCArchiveManifest.xml", "META-INF/timestamp002.tst"),
    ] {
        let file = |name: &str| &files.iter().find(|(other, _)| other == name).unwrap().1;
        let shop = &PKI.0.workshop;
        shop.write("manifest.xml", file(manifest));
        shop.write("token.tst", file(token));
        let verify = [
            "ts",
            "-verify",
            "-data",
            "manifest.xml",
            "-in",
            "token.tst",
            "-token_in",
            "-CAfile",
            "root.crt",
        ];
        shop.run(&verify);
        // All that was there before is named: the files, what signs them, and what was stamped earlier.
        let text = String::from_utf8(file(manifest).clone()).unwrap();
        let covered = text.matches("<asic:DataObjectReference ").count();
        let newest = !manifest.contains("001");
        assert_eq!(covered, names.len() - if newest { 3 } else { 5 }, "{text}");
        assert_eq!(text.matches("Rootfile=\"true\"").count(), usize::from(newest));
    }
    for (place, (name, _)) in files.iter().enumerate() {
        if name == "mimetype" {
            continue;
        }
        let mut changed = files.clone();
        let len = changed[place].1.len();
        // Nothing is over the newest time-stamp: what stands in it beside its signature is nobody's word.
        let newest = name == "META-INF/timestamp002.tst";
        changed[place].1[if newest { len - 1 } else { len / 2 }] ^= 1;
        let report = ASIC.judged(&packed(&changed), soon());
        let told = report.signatures[0]
            .warnings
            .contains(&Warning::TimestampNotValid);
        assert!(!report.valid() || told, "{name}: {report:#?}");
    }
    // A time-stamp that is taken away takes its level along; the one before it still counts.
    let mut fewer = files.clone();
    fewer.retain(|(name, _)| {
        !matches!(
            name.as_str(),
            "META-INF/ASiCArchiveManifest.xml" | "META-INF/timestamp002.tst"
        )
    });
    assert_eq!(archives(&ASIC.judged(&packed(&fewer), soon())), 1);
}

#[test]
fn a_time_stamp_that_leaves_a_file_out_or_is_of_another_container_proves_nothing() {
    let [lta, _] = ASIC.to_lta(&container(Kind::Extended, Inside::Cades, &FILES));
    let [other, _] = ASIC.to_lta(&container(Kind::Extended, Inside::Cades, &FILES[..1]));
    let is_archive = |name: &str| name.contains("ASiCArchiveManifest") || name.ends_with(".tst");
    let mut mixed: Vec<_> = entries(&lta)
        .into_iter()
        .filter(|(name, _)| !is_archive(name))
        .collect();
    mixed.extend(entries(&other).into_iter().filter(|(name, _)| is_archive(name)));
    let report = ASIC.judged(&packed(&mixed), soon());
    assert_eq!(report.signatures[0].level, Some(Level::BLT), "{report:#?}");
    assert!(
        report.signatures[0]
            .warnings
            .contains(&Warning::TimestampNotValid)
    );
}

#[test]
fn a_container_without_signatures_is_not_raised() {
    let empty = packed(&[("mimetype".into(), b"application/vnd.etsi.asic-e+zip".to_vec())]);
    for bytes in [empty, b"PK\x03\x04".to_vec(), Vec::new()] {
        assert!(matches!(
            AsicSignature::open(bytes).err(),
            Some(AugmentError::NotSigned(_))
        ));
    }
}
