//! Certification paths (RFC 5280, section 6): each rule broken by certificates that OpenSSL made, and none accepted.

#![allow(clippy::unwrap_used, reason = "what cannot be set up is a test that fails")]

mod openssl;
mod processor;

use std::sync::LazyLock;

use openssl::{CITIZEN, Identity, Pki};
use processor::Work;
use time::{Duration, OffsetDateTime};
use trien_signatures::certificate::{Certificate, CertificateError};
use trien_signatures::report::{Reason, SubIndication};
use trien_signatures::trust::{Anchors, PathVerdict, Reliance, validate_path};

static PKI: LazyLock<Pki> = LazyLock::new(Pki::new);

const CA: &str = "/C=VN/O=Công ty Thử/CN=CA khác";

/// The verdict on a leaf with these certificates beside it.
fn judge(leaf: &Identity, beside: &[&Identity]) -> PathVerdict {
    let embedded: Vec<Certificate> = beside
        .iter()
        .map(|identity| identity.certificate.clone())
        .collect();
    validate_path(&leaf.certificate, &embedded, &PKI.reliance())
}

fn refused(verdict: PathVerdict) -> (SubIndication, Reason) {
    match verdict {
        PathVerdict::Trusted { path } => panic!("accepted: {path:?}"),
        PathVerdict::Untrusted {
            sub_indication,
            reason,
        } => (sub_indication, reason),
    }
}

/// A CA under the root with the extensions of a section, and a signer under it.
fn under(section: &str, name: &str, subject: &str, leaf_section: &str) -> (Identity, Identity) {
    let workshop = &PKI.workshop;
    let ca = workshop.issue(&PKI.root, &format!("{name}-ca"), "ec:P-256", CA, section);
    let leaf = workshop.issue(&ca, &format!("{name}-leaf"), "ec:P-256", subject, leaf_section);
    (ca, leaf)
}

#[test]
fn a_good_path_wherever_the_intermediate_comes_from() {
    let leaf = PKI.leaf("good", "ec:P-256");
    let PathVerdict::Trusted { path } = judge(&leaf, &[&PKI.ca]) else {
        panic!()
    };
    assert_eq!(
        path,
        [
            leaf.certificate.clone(),
            PKI.ca.certificate.clone(),
            PKI.root.certificate.clone()
        ]
    );
    let configured = [PKI.ca.certificate.clone()];
    let reliance = Reliance {
        intermediates: &configured,
        ..PKI.reliance()
    };
    assert!(matches!(
        validate_path(&leaf.certificate, &[], &reliance),
        PathVerdict::Trusted { .. }
    ));
}

#[test]
fn no_path_without_the_intermediate_or_to_another_root() {
    let leaf = PKI.leaf("pathless", "ec:P-256");
    let nothing = (SubIndication::NoCertificateChainFound, Reason::NoPathToAnchor);
    assert_eq!(refused(judge(&leaf, &[])), nothing);
    let other = PKI.workshop.root("other-root", "ec:P-256", "/CN=Somebody else");
    let anchors = Anchors::new(vec![other.certificate.clone()]);
    let reliance = Reliance {
        anchors: &anchors,
        ..PKI.reliance()
    };
    let embedded = [PKI.ca.certificate.clone(), PKI.root.certificate.clone()];
    assert_eq!(
        refused(validate_path(&leaf.certificate, &embedded, &reliance)),
        nothing
    );
    let none = Anchors::default();
    let reliance = Reliance {
        anchors: &none,
        ..PKI.reliance()
    };
    assert_eq!(
        refused(validate_path(&leaf.certificate, &embedded, &reliance)),
        nothing
    );
}

#[test]
fn a_root_with_the_same_name_and_another_key_ends_no_path() {
    let impostor = PKI.workshop.root(
        "impostor",
        "rsa:2048",
        "/C=VN/O=Bộ Thử nghiệm/CN=Test National Root CA",
    );
    let ca = PKI.workshop.issue(&impostor, "impostor-ca", "ec:P-256", CA, "ca");
    let leaf = PKI
        .workshop
        .issue(&ca, "impostor-leaf", "ec:P-256", CITIZEN, "signer");
    refused(judge(&leaf, &[&ca, &impostor]));
}

#[test]
fn n149_each_rule_broken_is_named() {
    use Reason as R;
    use SubIndication as S;
    let cases = [
        (
            "ca_false",
            CITIZEN,
            "signer",
            S::CertificateChainGeneralFailure,
            R::PathBasicConstraints,
        ),
        (
            "ca_without_basic_constraints",
            CITIZEN,
            "signer",
            S::CertificateChainGeneralFailure,
            R::PathBasicConstraints,
        ),
        (
            "ca_without_cert_sign",
            CITIZEN,
            "signer",
            S::CertificateChainGeneralFailure,
            R::PathKeyUsage,
        ),
        (
            "ca_requiring_a_policy",
            CITIZEN,
            "signer",
            S::ChainConstraintsFailure,
            R::PathPolicy,
        ),
        (
            "ca",
            CITIZEN,
            "signer_unknown_critical",
            S::CertificateChainGeneralFailure,
            R::PathUnknownCriticalExtension,
        ),
        (
            "ca",
            CITIZEN,
            "signer_that_is_a_ca",
            S::ChainConstraintsFailure,
            R::PathBasicConstraints,
        ),
        (
            "ca_for_one_organisation",
            CITIZEN,
            "signer",
            S::ChainConstraintsFailure,
            R::PathNameConstraints,
        ),
        (
            "ca_for_one_organisation",
            "/C=VN/O=Co quan Mot/CN=Trần Văn B",
            "signer_with_mail",
            S::ChainConstraintsFailure,
            R::PathNameConstraints,
        ),
    ];
    for (at, (section, subject, leaf_section, sub_indication, reason)) in cases.into_iter().enumerate() {
        let (ca, leaf) = under(section, &format!("rule-{at}"), subject, leaf_section);
        assert_eq!(
            refused(judge(&leaf, &[&ca])),
            (sub_indication, reason),
            "{section} {leaf_section}"
        );
    }
    let (ca, leaf) = under(
        "ca_for_one_organisation",
        "permitted",
        "/C=VN/O=Co quan Mot/CN=Trần Văn B",
        "signer",
    );
    let verdict = judge(&leaf, &[&ca]);
    assert!(matches!(verdict, PathVerdict::Trusted { .. }), "{verdict:?}");
}

/// Whoever trusts a person's own certificate trusts that person, and nobody whom that person certifies.
#[test]
fn n149_a_trusted_certificate_that_is_no_ca_is_no_issuer() {
    for (section, trusted) in [
        ("ca_false", false),
        ("ca_without_basic_constraints", true),
        ("ca", true),
    ] {
        let (ca, leaf) = under(section, &format!("trusted-{section}"), CITIZEN, "signer");
        let anchors = Anchors::new(vec![ca.certificate.clone()]);
        let reliance = Reliance {
            anchors: &anchors,
            ..PKI.reliance()
        };
        let verdict = validate_path(&leaf.certificate, &[], &reliance);
        match trusted {
            true => assert!(matches!(verdict, PathVerdict::Trusted { .. }), "{section}"),
            false => assert_eq!(
                refused(verdict),
                (
                    SubIndication::CertificateChainGeneralFailure,
                    Reason::PathBasicConstraints
                )
            ),
        }
    }
}

#[test]
fn n149_a_leaf_is_no_issuer() {
    let leaf = PKI.leaf("leaf-as-ca", "ec:P-256");
    let below = PKI
        .workshop
        .issue(&leaf, "below-leaf", "ec:P-256", "/CN=Đỗ", "signer");
    assert_eq!(
        refused(judge(&below, &[&leaf, &PKI.ca])).1,
        Reason::PathBasicConstraints
    );
}

#[test]
fn a_path_length_constraint_holds() {
    let workshop = &PKI.workshop;
    let last = workshop.issue(
        &PKI.root,
        "last-ca",
        "ec:P-256",
        "/CN=Last",
        "ca_without_further_cas",
    );
    let further = workshop.issue(&last, "further-ca", "ec:P-256", "/CN=Further", "ca");
    let leaf = workshop.issue(&further, "further-leaf", "ec:P-256", CITIZEN, "signer");
    assert_eq!(
        refused(judge(&leaf, &[&further, &last])),
        (SubIndication::ChainConstraintsFailure, Reason::PathLength)
    );
}

#[test]
fn n149_eight_certificates_and_no_more() {
    let workshop = &PKI.workshop;
    let mut chain = vec![PKI.root.clone()];
    for depth in 1..=7 {
        let issuer = chain.last().unwrap();
        let ca = workshop.issue(
            issuer,
            &format!("deep-{depth}"),
            "ec:P-256",
            &format!("/CN=Deep {depth}"),
            "ca",
        );
        chain.push(ca);
    }
    let beside: Vec<&Identity> = chain[1..].iter().collect();
    let eighth = workshop.issue(&chain[6], "eighth", "ec:P-256", CITIZEN, "signer");
    assert!(matches!(judge(&eighth, &beside), PathVerdict::Trusted { .. }));
    let ninth = workshop.issue(&chain[7], "ninth", "ec:P-256", CITIZEN, "signer");
    assert_eq!(refused(judge(&ninth, &beside)).1, Reason::PathLimit);
}

#[test]
fn n149_cross_signed_circles_end() {
    let workshop = &PKI.workshop;
    let a = workshop.root("circle-a", "ec:P-256", "/CN=Circle A");
    let b = workshop.root("circle-b", "ec:P-256", "/CN=Circle B");
    let a_by_b = workshop.certify(&b, "circle-a-by-b", &a.key, "/CN=Circle A", "ca", &["-sha256"]);
    let b_by_a = workshop.certify(&a, "circle-b-by-a", &b.key, "/CN=Circle B", "ca", &["-sha256"]);
    let leaf = workshop.issue(&a, "circle-leaf", "ec:P-256", CITIZEN, "signer");
    let started = Work::begin();
    assert_eq!(
        refused(judge(&leaf, &[&a_by_b, &b_by_a, &a, &b])).1,
        Reason::NoPathToAnchor
    );
    assert!(started.so_far().as_secs() < 5);
}

/// Two certificates of one name and one key, of which one is no CA's: what is found first does not decide.
#[test]
fn n149_of_two_certificates_of_one_key_that_of_a_ca_counts_in_whatever_order() {
    let workshop = &PKI.workshop;
    let real = workshop.issue(&PKI.root, "two-faced", "ec:P-256", CA, "ca");
    let other = workshop.certify(
        &PKI.root,
        "two-faced-no-ca",
        &real.key,
        CA,
        "ca_false",
        &["-sha256"],
    );
    let leaf = workshop.issue(&real, "two-faced-leaf", "ec:P-256", CITIZEN, "signer");
    for beside in [[&real, &other], [&other, &real]] {
        let PathVerdict::Trusted { path } = judge(&leaf, &beside) else {
            panic!("{}", beside[0].name)
        };
        assert_eq!(path[1], real.certificate, "{} first", beside[0].name);
    }
    assert_eq!(refused(judge(&leaf, &[&other])).1, Reason::PathBasicConstraints);
}

/// Each is certified by the one before it, and the first by the last.
#[test]
fn n149_a_ring_of_1000_certificates_ends() {
    let workshop = &PKI.workshop;
    let first = workshop.root("ring-0", "ec:P-256", "/CN=Ring 0");
    let name = |number: usize| format!("/CN=Ring {number}");
    let mut ring = vec![first];
    for number in 1..1000 {
        let file = format!("ring-{number}");
        let issuer = ring.last().unwrap();
        ring.push(workshop.certify(issuer, &file, &issuer.key, &name(number), "ca", &["-sha256"]));
    }
    let last = ring.last().unwrap();
    let closed = workshop.certify(last, "ring-closed", &last.key, &name(0), "ca", &["-sha256"]);
    let leaf = workshop.issue(last, "ring-leaf", "ec:P-256", CITIZEN, "signer");
    let mut beside: Vec<&Identity> = ring[1..].iter().chain([&closed]).collect();
    assert_eq!(beside.len(), 1000);
    for _ in 0..2 {
        let started = Work::begin();
        assert_eq!(refused(judge(&leaf, &beside)).1, Reason::PathLimit);
        assert!(started.so_far().as_secs() < 5);
        beside.reverse();
    }
}

/// The signer's certificate names its issuer by name only, and many bear that name.
#[test]
fn a_crowd_of_look_alikes_costs_little() {
    let workshop = &PKI.workshop;
    let leaf = workshop.issue(
        &PKI.ca,
        "crowd",
        "ec:P-256",
        CITIZEN,
        "signer_without_key_identifier",
    );
    let twin = workshop.root("twin", "ec:P-256", "/CN=Twin");
    let twins: Vec<Identity> = (0..40)
        .map(|at| {
            let name = format!("twin-{at}");
            workshop.certify(
                &twin,
                &name,
                &twin.key,
                "/C=VN/O=Công ty Thử/CN=Thử-CA",
                "ca",
                &["-sha256"],
            )
        })
        .collect();
    let mut beside: Vec<&Identity> = twins[..20].iter().collect();
    beside.push(&PKI.ca);
    let verdict = judge(&leaf, &beside);
    assert!(matches!(verdict, PathVerdict::Trusted { .. }), "{verdict:?}");

    // More than are looked at: an end is made, and what is configured comes first.
    let mut beside: Vec<&Identity> = twins.iter().collect();
    beside.push(&PKI.ca);
    let started = Work::begin();
    refused(judge(&leaf, &beside));
    assert!(started.so_far().as_secs() < 5);
    let embedded: Vec<Certificate> = twins.iter().map(|twin| twin.certificate.clone()).collect();
    let configured = [PKI.ca.certificate.clone()];
    let reliance = Reliance {
        intermediates: &configured,
        ..PKI.reliance()
    };
    let verdict = validate_path(&leaf.certificate, &embedded, &reliance);
    assert!(matches!(verdict, PathVerdict::Trusted { .. }), "{verdict:?}");
}

#[test]
fn sha_1_and_short_keys_are_not_accepted_in_a_path() {
    let workshop = &PKI.workshop;
    let key = workshop.key("sha1", "ec:P-256");
    let old = workshop.certify(&PKI.ca, "sha1", &key, CITIZEN, "signer", &["-sha1"]);
    assert_eq!(
        refused(judge(&old, &[&PKI.ca])),
        (SubIndication::CryptoConstraintsFailure, Reason::Sha1NotAccepted)
    );
    let weak = workshop.issue(&PKI.root, "weak-ca", "rsa:1024", CA, "ca");
    let leaf = workshop.issue(&weak, "under-weak", "ec:P-256", CITIZEN, "signer");
    assert_eq!(
        refused(judge(&leaf, &[&weak])),
        (SubIndication::CryptoConstraintsFailure, Reason::PathKeyTooShort)
    );
}

#[test]
fn every_certificate_of_the_path_has_to_be_valid() {
    let workshop = &PKI.workshop;
    let key = workshop.key("brief", "ec:P-256");
    let brief = workshop.certify(&PKI.root, "brief-ca", &key, CA, "ca", &["-sha256", "-days", "10"]);
    let leaf = workshop.issue(&brief, "outliving", "ec:P-256", CITIZEN, "signer");
    let embedded = [brief.certificate.clone()];
    let at = |at| validate_path(&leaf.certificate, &embedded, &Reliance { at, ..PKI.reliance() });
    assert!(matches!(
        at(OffsetDateTime::now_utc()),
        PathVerdict::Trusted { .. }
    ));
    assert_eq!(
        refused(at(OffsetDateTime::now_utc() + Duration::days(20))),
        (
            SubIndication::CertificateChainGeneralFailure,
            Reason::CertificateExpired
        )
    );
    let before = PKI.root.certificate.not_before() - Duration::days(1);
    assert_eq!(refused(at(before)).1, Reason::CertificateNotYetValid);
    for impossible in [
        OffsetDateTime::UNIX_EPOCH,
        OffsetDateTime::UNIX_EPOCH - Duration::days(1),
    ] {
        refused(at(impossible));
    }
}

#[test]
fn an_anchor_may_be_the_signers_own_certificate() {
    let leaf = PKI.leaf("anchored", "ec:P-256");
    let anchors = Anchors::new(vec![leaf.certificate.clone()]);
    let reliance = Reliance {
        anchors: &anchors,
        ..PKI.reliance()
    };
    assert!(matches!(
        validate_path(&leaf.certificate, &[], &reliance),
        PathVerdict::Trusted { .. }
    ));
    let other = PKI.leaf("not-anchored", "ec:P-256");
    refused(validate_path(&other.certificate, &[], &reliance));
}

#[test]
fn pem_as_others_write_it() {
    let pem = std::fs::read_to_string(PKI.workshop.path("root.crt")).unwrap();
    let [begin, end] = ["-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"];
    let body: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    let wide: Vec<&str> = body
        .as_bytes()
        .chunks(76)
        .map(|line| std::str::from_utf8(line).unwrap())
        .collect();
    let forms = [
        pem.replace('\n', "\r\n"),
        format!("Bag Attributes\n    friendlyName: gốc\nsubject=CN = x\n{pem}\ntrailing"),
        format!("{begin}\n{body}\n{end}"),
        format!("{begin}\n{}\n{end}\n", wide.join("\n")),
    ];
    for form in forms {
        assert_eq!(
            Certificate::from_pem(&form).as_ref(),
            Ok(&PKI.root.certificate),
            "{form}"
        );
    }
}

#[test]
fn an_extension_twice_is_no_certificate() {
    let key = PKI.workshop.key("doubled", "ec:P-256");
    let doubled = PKI
        .workshop
        .certify(&PKI.ca, "doubled", &key, CITIZEN, "signer", &["-sha256"]);
    // The key identifiers have the same length of object identifier; one becomes the other's name.
    let mut der = doubled.certificate.as_der().to_vec();
    let authority = der
        .windows(5)
        .position(|window| window == [6, 3, 0x55, 0x1D, 0x23])
        .unwrap();
    der[authority + 4] = 0x0E;
    assert_eq!(Certificate::from_der(&der), Err(CertificateError::Malformed));
}

#[test]
fn anchor_files_in_both_forms() {
    let mut anchors = Anchors::default();
    let pem = std::fs::read(PKI.workshop.path("root.crt")).unwrap();
    anchors.add_file(&pem).unwrap();
    anchors.add_file(PKI.root.certificate.as_der()).unwrap();
    assert_eq!(
        anchors.certificates().len(),
        1,
        "the same certificate in two files is one anchor"
    );
    let both = [
        pem.as_slice(),
        &std::fs::read(PKI.workshop.path("ca.crt")).unwrap(),
    ]
    .concat();
    anchors.add_file(&both).unwrap();
    assert_eq!(anchors.certificates().len(), 2);
    // As the national root is published: a SignedData with certificates and no signer, by OpenSSL.
    for form in ["PEM", "DER"] {
        let mut openssl = std::process::Command::new("openssl");
        openssl.args(["crl2pkcs7", "-nocrl", "-outform", form]);
        for name in ["root.crt", "ca.crt"] {
            openssl.arg("-certfile").arg(PKI.workshop.path(name));
        }
        let bag = openssl.output().unwrap().stdout;
        let mut from_bag = Anchors::default();
        from_bag.add_file(&bag).unwrap();
        assert_eq!(from_bag.certificates(), anchors.certificates(), "{form}");
        assert_eq!(
            Anchors::default().add_file(&bag[..bag.len() - 40]),
            Err(match form {
                "PEM" => CertificateError::NotPem,
                _ => CertificateError::Malformed,
            })
        );
    }
    assert_eq!(anchors.add_file(b""), Err(CertificateError::Malformed));
    assert_eq!(
        anchors.add_file(b"-----BEGIN CERTIFICATE-----\nAAAA"),
        Err(CertificateError::NotPem)
    );
    assert_eq!(
        anchors.add_file(&vec![0x30; 70_000]),
        Err(CertificateError::TooLong(70_000))
    );
}
