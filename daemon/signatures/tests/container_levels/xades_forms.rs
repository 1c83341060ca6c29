//! XAdES within, around and beside its document, and in containers.

use crate::archive::FILES;
use time::OffsetDateTime;
use trien_signatures::asic::{Inside, Kind};
use trien_signatures::xades::{self, Packaging, XadesRequest, XadesSignature};
use trien_signatures::xmldsig::{self, Options};

use crate::containers::container;
use crate::{ASIC, Form, PKI, algorithm, finish, imprints};

pub(crate) const XADES: Form<'_> = Form {
    open: &|bytes| Ok(Box::new(XadesSignature::open(bytes, None)?)),
    verify: &|bytes, reliance| xmldsig::verify(bytes, &Options::default(), reliance).unwrap(),
};

const XADES_BESIDE: Form<'_> = Form {
    open: &|bytes| Ok(Box::new(XadesSignature::open(bytes, Some(b"content".to_vec()))?)),
    verify: &|bytes, reliance| {
        let options = Options {
            content: Some(b"content"),
        };
        xmldsig::verify(bytes, &options, reliance).unwrap()
    },
};

pub(crate) fn xades(packaging: Packaging<'_>) -> Vec<u8> {
    let (pki, who) = &*PKI;
    let chain = [pki.ca.certificate.clone()];
    let request = XadesRequest {
        signer: &who.certificate,
        chain: &chain,
        algorithm: algorithm(),
        signing_time: OffsetDateTime::now_utc(),
    };
    finish(xades::prepare(packaging, &request).unwrap())
}

/// The time-stamps of XAdES signatures by others: lxml puts together what each is about, OpenSSL verifies the token
/// over that. Gives their kinds.
pub(crate) fn judged_by_openssl(name: &str, signed: &[u8]) -> Vec<String> {
    let shop = &PKI.0.workshop;
    let file = shop.write(name, signed);
    imprints::verified(shop, "stamps.py", &file, &[], &["-CAfile", "root.crt"])
}

/// Canonical forms are where XML goes wrong: comments, prefixes in use and not, what stands around, lines of two kinds.
pub(crate) const LETTER: &[u8] =
    "<?xml version=\"1.0\"?>\r\n<!-- before --><thư xmlns=\"urn:thu\" xmlns:b=\"urn:b\" xml:lang=\"vi\">\
    <b:người gửi=\"An\" c='1\t2'>Xin chào\r\n &gt; <![CDATA[<&>]]><!-- in --></b:người></thư>\n<?after x?>"
        .as_bytes();

#[test]
fn the_time_stamps_of_xades_are_what_openssl_verifies_over_lxmls_canonical_form() {
    let all = ["signature", "archive", "archive"];
    for (name, packaging) in [
        ("enveloped.xml", Packaging::Enveloped(LETTER.to_vec())),
        (
            "enveloping.xml",
            Packaging::Enveloping {
                content: LETTER,
                media_type: "text/xml",
            },
        ),
    ] {
        let [_, renewed] = XADES.to_lta(&xades(packaging));
        assert_eq!(judged_by_openssl(name, &renewed), all, "{name}");
    }
    let beside = PKI.0.workshop.path("detached.beside");
    std::fs::create_dir_all(&beside).unwrap();
    std::fs::write(beside.join("a"), b"content").unwrap();
    let [_, renewed] = XADES_BESIDE.to_lta(&xades(Packaging::Detached {
        content: b"content",
        name: "a",
        media_type: "text/plain",
    }));
    assert_eq!(judged_by_openssl("detached.xml", &renewed), all);
    for (name, kind, files) in [
        ("simple.asics", Kind::Simple, &FILES[..1]),
        ("extended.asice", Kind::Extended, &FILES[..]),
    ] {
        let [_, renewed] = ASIC.to_lta(&container(kind, Inside::Xades, files));
        assert_eq!(judged_by_openssl(name, &renewed), all, "{name}");
    }
}
