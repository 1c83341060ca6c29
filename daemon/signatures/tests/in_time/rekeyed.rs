//! An authority that was given a new key under its old name: which of its lists speak for whom.

use crate::openssl::{CITIZEN, Identity};
use crate::{WORLD, now, utc};
use time::{Duration, OffsetDateTime};
use trien_signatures::certificate::Certificate;
use trien_signatures::revocation::{CertificateStatus, Crl, Revocations};
use trien_signatures::trust::Reliance;
use trien_signatures::validation;

const NAME: &str = "/C=VN/O=Co quan Thu/CN=CA hai khoa";

/// What is known of a certificate, these lists and certificates of authorities being at hand.
fn status(of: &Identity, authorities: &[&Identity], lists: &[&[u8]]) -> CertificateStatus {
    let mut known = Revocations::default();
    for list in lists {
        known.add_crl(Crl::from_der(list).unwrap());
    }
    let authorities: Vec<Certificate> = authorities.iter().map(|one| one.certificate.clone()).collect();
    let anchors = &WORLD.pki.anchors;
    let reliance = Reliance {
        revocations: &known,
        ..Reliance::new(anchors, &authorities, OffsetDateTime::now_utc())
    };
    let verdict = validation::certificate(&of.certificate, &[], Revocations::NONE, &reliance);
    assert_eq!(verdict.path.len(), 3, "{verdict:?}");
    verdict.statuses[0].clone()
}

fn is_revoked(status: &CertificateStatus) -> bool {
    matches!(status, CertificateStatus::Revoked { .. })
}

fn is_good(status: &CertificateStatus) -> bool {
    matches!(status, CertificateStatus::Good(_))
}

/// The root certifies both keys, and each publishes what it revoked itself (as Microsoft's does).
#[test]
fn a_list_by_a_new_key_does_not_clear_what_the_old_one_revoked() {
    let world = &*WORLD;
    let shop = &world.pki.workshop;
    let authority = |name: &str| shop.issue(&world.pki.root, name, "ec:P-256", NAME, "ca");
    let (old, new) = (authority("rekeyed-old"), authority("rekeyed-new"));
    let person = |issuer: &Identity, name: &str| shop.issue(issuer, name, "ec:P-256", CITIZEN, "signer");
    let gone = person(&old, "rekeyed-gone");
    let stays = person(&old, "rekeyed-stays");
    let later = person(&new, "rekeyed-later");
    let since = utc(now() - Duration::days(2));
    let hours = |ago: i64| utc(now() - Duration::hours(ago));
    let list = |issuer: &Identity, revoked: &[(&Identity, &str)], ago: i64| {
        let until = utc(now() + Duration::days(30));
        let words = ["-crl_lastupdate", &hours(ago), "-crl_nextupdate", &until];
        world.crl_with(issuer, revoked, &words)
    };
    for authorities in [[&old, &new], [&new, &old]] {
        for (age_of_old, age_of_new) in [(2, 1), (1, 2), (1, 1)] {
            let by_old = list(&old, &[(&gone, &since)], age_of_old);
            let by_new = list(&new, &[], age_of_new);
            for lists in [[&by_old[..], &by_new], [&by_new[..], &by_old]] {
                let of = |one: &Identity| status(one, &authorities, &lists);
                let ages = (age_of_old, age_of_new);
                assert!(is_revoked(&of(&gone)), "{ages:?}");
                assert!(is_good(&of(&stays)), "{ages:?}");
                assert!(is_good(&of(&later)), "{ages:?}");
            }
            // Where there is a list by one key alone, nothing is known of the other's certificates; a revocation is.
            assert!(is_revoked(&status(&gone, &authorities, &[&by_old])));
            for unknown in [&gone, &stays] {
                let known = status(unknown, &authorities, &[&by_new]);
                assert_eq!(known, CertificateStatus::Unknown);
            }
            assert_eq!(
                status(&later, &authorities, &[&by_old]),
                CertificateStatus::Unknown
            );
        }
        let of_both = list(&new, &[(&gone, &since), (&later, &since)], 1);
        assert!(is_revoked(&status(&gone, &authorities, &[&of_both])));
        // Of lists by one key the newest counts, whatever others say: a hold may end.
        let (held, released) = (list(&old, &[(&stays, &since)], 3), list(&old, &[], 2));
        let by_new = list(&new, &[], 1);
        for lists in [[&held[..], &released, &by_new], [&by_new[..], &released, &held]] {
            assert!(is_good(&status(&stays, &authorities, &lists)));
        }
    }
}

/// One key certifies the other (RFC 4210, 4.4), or is there for lists alone: then one list is for all.
#[test]
fn a_list_by_a_key_that_the_other_one_certified_speaks_for_both() {
    let world = &*WORLD;
    let shop = &world.pki.workshop;
    let issue =
        |issuer: &Identity, name: &str, section: &str| shop.issue(issuer, name, "ec:P-256", NAME, section);
    let old = issue(&world.pki.root, "rolled-old", "ca");
    let new = issue(&old, "rolled-new", "ca");
    let person = shop.issue(&old, "rolled-person", "ec:P-256", CITIZEN, "signer");
    let since = utc(now() - Duration::days(2));
    let clear = world.crl(&new, &[]);
    assert!(is_good(&status(&person, &[&old, &new], &[&clear])));
    let revoked = world.crl(&new, &[(&person, &since)]);
    assert!(is_revoked(&status(&person, &[&old, &new], &[&revoked])));
    // Its own list, where it has one, is what clears.
    let own = world.crl(&old, &[(&person, &since)]);
    assert!(is_revoked(&status(&person, &[&old, &new], &[&clear, &own])));
}
