//! A token as its user has it, for programs that only use one: two key pairs with certificates of one authority.

use std::path::{Path, PathBuf};

use cryptoki::object::{Attribute, CertificateType, ObjectClass};
use cryptoki::session::Session;

use super::{P256, PIN, ec_pair, load, module, new_token, public_key_file, rsa_pair, run, user_session};

/// The token's label.
pub(crate) const LABEL: &str = "judged";

/// libp11's engine for OpenSSL 3.
pub(crate) const ENGINE: &str = "/usr/lib/x86_64-linux-gnu/engines-3/pkcs11.so";

/// What the certificates may be used for: everything that the programs ask for.
const EXTENSIONS: &str = "\
keyUsage = critical,digitalSignature,nonRepudiation,keyEncipherment,keyAgreement
extendedKeyUsage = serverAuth,clientAuth,codeSigning,emailProtection
subjectAltName = DNS:localhost,IP:127.0.0.1,email:an@example.vn
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
";

/// Makes the token [`LABEL`] with the pairs `rsa1` (id 01, RSA-2048) and `ec1` (id 02, P-256), each beside its
/// certificate, which is also in the folder as `rsa1.pem` and `ec1.pem`; the authority is `ca.pem` with `ca.key`.
pub(crate) fn stock(home: &Path) {
    authority(home);
    let library = load();
    let slot = new_token(&library, LABEL);
    let session = user_session(&library, slot);
    for (name, id) in [("rsa1", 1), ("ec1", 2)] {
        let (public, private) = if name == "rsa1" {
            rsa_pair(&session, 2048, id)
        } else {
            ec_pair(&session, P256, id)
        };
        for key in [public, private] {
            session
                .update_attributes(key, &[Attribute::Label(name.into())])
                .unwrap();
        }
        let key = public_key_file(&session, public, home, name == "rsa1");
        certify(home, name, &key);
        keep_certificate(&session, home, name, id);
    }
}

fn authority(home: &Path) {
    std::fs::write(home.join("extensions"), EXTENSIONS).unwrap();
    let subject = ["-subj", "/C=VN/O=Trien/CN=Test authority", "-days", "30"];
    let key = [
        "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem",
    ];
    run(home, "openssl", &[&key[..], &subject].concat());
}

fn certify(home: &Path, name: &str, key: &Path) {
    let subject = format!("/C=VN/O=Trien/CN={name}");
    let fixed = [
        "x509",
        "-new",
        "-CA",
        "ca.pem",
        "-CAkey",
        "ca.key",
        "-days",
        "20",
        "-extfile",
        "extensions",
    ];
    let pem = format!("{name}.pem");
    // Of one, the first bit is set: its INTEGER has an octet of zeros before it.
    let serial = match name {
        "rsa1" => "0x98A22369",
        _ => "0x05AAD503",
    };
    let its = [
        "-subj",
        &subject,
        "-set_serial",
        serial,
        "-force_pubkey",
        key.to_str().unwrap(),
        "-out",
        &pem,
    ];
    run(home, "openssl", &[&fixed[..], &its].concat());
    let der = format!("{name}.der");
    run(
        home,
        "openssl",
        &["x509", "-in", &pem, "-outform", "DER", "-out", &der],
    );
}

fn keep_certificate(session: &Session, home: &Path, name: &str, id: u8) {
    // The token reads subject, issuer and serial number from it.
    let template = [
        Attribute::Class(ObjectClass::CERTIFICATE),
        Attribute::CertificateType(CertificateType::X_509),
        Attribute::Token(true),
        Attribute::Label(name.into()),
        Attribute::Id(vec![id]),
        Attribute::Value(std::fs::read(home.join(format!("{name}.der"))).unwrap()),
    ];
    session.create_object(&template).unwrap();
}

/// The RFC 7512 address of a private key of the token, with its PIN, for programs that cannot ask.
pub(crate) fn key_with_pin(name: &str) -> String {
    format!("pkcs11:token=judged;object={name};type=private;pin-value={PIN}")
}

/// Writes the OpenSSL configuration that loads libp11's engine with the library under test.
pub(crate) fn engine_configuration(home: &Path) -> PathBuf {
    let path = home.join("engine.cnf");
    let module = module();
    let text = format!(
        "openssl_conf = conf\n[conf]\nengines = engines\n[engines]\npkcs11 = p\n\
         [p]\nengine_id = pkcs11\ndynamic_path = {}\nMODULE_PATH = {}\ninit = 0\n\
         [req]\ndistinguished_name = name\n[name]\n",
        ENGINE,
        module.display()
    );
    std::fs::write(&path, text).unwrap();
    path
}
