//! Signs a file of any size as CAdES B-B in constant memory, with a key in a file: the measuring program of
//! `make bench`. One signature is by `openssl dgst`, so that the key is in software on both sides.
//!
//!     stream CERTIFICATE.pem KEY.pem attached|detached IN OUT

use std::error::Error;
use std::fs::File;
use std::io::{self, BufWriter, Seek, Write};
use std::process::{Command, Stdio};

use trien_signatures::algorithm::{Hash, RsaPadding, SignatureAlgorithm, SignatureValue};
use trien_signatures::cades::{self, CadesRequest, Digests};
use trien_signatures::certificate::Certificate;
use trien_signatures::signing::Prepared;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [certificate, key, form, input, output] = arguments.as_slice() else {
        return Err("usage: stream CERTIFICATE.pem KEY.pem attached|detached IN OUT".into());
    };
    let signer = Certificate::from_pem(&std::fs::read_to_string(certificate)?)?;
    let algorithm = SignatureAlgorithm::for_key(signer.public_key(), RsaPadding::Pkcs1, Hash::Sha256)?;
    let mut content = File::open(input)?;
    let digests = Digests::of(&mut content, &[algorithm.hash()])?;
    if digests.is_signed_attributes() {
        return Err("the content is a set of signed attributes".into());
    }
    let request = CadesRequest {
        content: &[],
        detached: true,
        signer: &signer,
        chain: &[],
        algorithm,
        signing_time: time::OffsetDateTime::now_utc(),
    };
    let digest = digests.get(algorithm.hash()).ok_or("no digest")?;
    let prepared = cades::prepare_digest(&request, digest)?;
    let value = SignatureValue::from_token(algorithm, &sign(key, prepared.to_be_signed())?)?;
    let mut output = BufWriter::new(File::create(output)?);
    if form == "attached" {
        let (head, tail) = prepared.finish_around(value, digests.length())?;
        output.write_all(&head)?;
        content.rewind()?;
        io::copy(&mut content, &mut output)?;
        output.write_all(&tail)?;
    } else {
        output.write_all(&prepared.finish(value)?)?;
    }
    output.flush()?;
    Ok(())
}

/// What a token would do.
fn sign(key: &str, bytes: &[u8]) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut openssl = Command::new("openssl")
        .args(["dgst", "-sha256", "-sign", key])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    openssl.stdin.take().ok_or("no pipe")?.write_all(bytes)?;
    let output = openssl.wait_with_output()?;
    output
        .status
        .success()
        .then_some(output.stdout)
        .ok_or_else(|| "openssl failed".into())
}
