//! CAdES over content that does not fit into memory: attached content is passed through, not held.
//!
//! A [`Container`] is a signature without its content: the *skeleton*, which verifies like a detached one, and where in
//! the file the content stands. Raising levels and adding signers ([`super::prepare_parallel`],
//! [`super::prepare_counter`]) work on the skeleton alone.

use std::io::{self, Read, Seek, SeekFrom, Write};

use super::{PreparedCades, cms};
use crate::algorithm::{Hash, Hasher, SignatureValue};
use crate::cms::tlv::{Header, tag};
use crate::cms::{ATTRIBUTES_BEGIN, FormatError, SignedData, begins_like_signed_attributes, edit};
use crate::signing::FinishError;
use crate::timestamp::Imprint;

/// The largest skeleton: everything but the content.
const MAX_SKELETON: u64 = 64 * 1024 * 1024;

/// Pieces of a content that was written in pieces.
const MAX_PIECES: usize = 1 << 22;

/// How much of a content is in memory at one time.
const PIECE: usize = 64 * 1024;

const INDEFINITE_END: [u8; 2] = [0, 0];
const CONSTRUCTED_OCTETS: u8 = tag::OCTET_STRING | 0x20;

/// A content's digests, made in one pass.
#[derive(Debug, Clone)]
pub struct Digests {
    imprints: Vec<Imprint>,
    length: u64,
    is_signed_attributes: bool,
}

impl Digests {
    /// Reads a content to its end.
    ///
    /// # Errors
    /// Of the reader.
    pub fn of(content: &mut impl Read, hashes: &[Hash]) -> io::Result<Self> {
        let mut hashers: Vec<(Hash, Hasher)> = Vec::new();
        for hash in hashes {
            if !hashers.iter().any(|(present, _)| present == hash) {
                hashers.push((*hash, hash.hasher()));
            }
        }
        let mut buffer = vec![0; PIECE];
        let mut beginning = Vec::new();
        let mut length = 0;
        loop {
            let read = match content.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            length += read as u64;
            if beginning.len() < ATTRIBUTES_BEGIN {
                beginning.extend_from_slice(&buffer[..read]);
            }
            for (_, hasher) in &mut hashers {
                hasher.update(&buffer[..read]);
            }
        }
        Ok(Self {
            imprints: hashers
                .into_iter()
                .map(|(hash, hasher)| Imprint {
                    hash,
                    digest: hasher.finalize(),
                })
                .collect(),
            length,
            is_signed_attributes: begins_like_signed_attributes(&beginning, length),
        })
    }

    /// The digest with a hash; none if it was not asked for.
    #[must_use]
    pub fn get(&self, hash: Hash) -> Option<Vec<u8>> {
        let found = self.imprints.iter().find(|imprint| imprint.hash == hash);
        found.map(|imprint| imprint.digest.clone())
    }

    /// All of them.
    #[must_use]
    pub fn imprints(&self) -> &[Imprint] {
        &self.imprints
    }

    /// Bytes of the content.
    #[must_use]
    pub const fn length(&self) -> u64 {
        self.length
    }

    /// Whether the content is itself a set of signed attributes, which is neither signed nor believed.
    #[must_use]
    pub const fn is_signed_attributes(&self) -> bool {
        self.is_signed_attributes
    }
}

/// A signature apart from its content.
#[derive(Debug, Clone)]
pub struct Container {
    skeleton: Vec<u8>,
    /// Start and length of each piece of the content; none when it is detached.
    content: Option<Vec<(u64, u64)>>,
}

/// A reader of the content of a container.
#[derive(Debug)]
pub struct ContentReader<'a, R> {
    file: &'a mut R,
    pieces: std::vec::IntoIter<(u64, u64)>,
    left: u64,
}

impl<R: Read + Seek> Read for ContentReader<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.left == 0 {
            let Some((start, length)) = self.pieces.next() else {
                return Ok(0);
            };
            self.file.seek(SeekFrom::Start(start))?;
            self.left = length;
        }
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let read = self.file.read(&mut buffer[..most])?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.left -= read as u64;
        Ok(read)
    }
}

impl Container {
    /// Finds the signature around its content.
    ///
    /// # Errors
    /// Of the reader; [`io::ErrorKind::InvalidData`] with a [`FormatError`] when it is no SignedData.
    pub fn open(file: &mut (impl Read + Seek)) -> io::Result<Self> {
        let total = file.seek(SeekFrom::End(0))?;
        Scan { file, at: 0, total }.container()
    }

    /// The signature as if its content were detached, in DER.
    #[must_use]
    pub fn skeleton(&self) -> &[u8] {
        &self.skeleton
    }

    /// Whether the content is in it.
    #[must_use]
    pub const fn is_attached(&self) -> bool {
        self.content.is_some()
    }

    /// Bytes of the attached content.
    #[must_use]
    pub fn content_length(&self) -> Option<u64> {
        let pieces = self.content.as_ref()?;
        Some(pieces.iter().map(|(_, length)| length).sum())
    }

    /// Where the attached content stands in the file that was opened: start and length of each of its pieces, in bytes.
    #[must_use]
    pub fn pieces(&self) -> Option<&[(u64, u64)]> {
        self.content.as_deref()
    }

    /// The attached content, out of the file that was opened.
    pub fn content<'a, R: Read + Seek>(&self, file: &'a mut R) -> Option<ContentReader<'a, R>> {
        self.content.clone().map(|pieces| ContentReader {
            file,
            pieces: pieces.into_iter(),
            left: 0,
        })
    }

    /// The hashes that its signers and time-stamps are over.
    #[must_use]
    pub fn hashes(&self) -> Vec<Hash> {
        let Ok(signed_data) = SignedData::parse(&self.skeleton) else {
            return Vec::new();
        };
        let mut hashes: Vec<Hash> = Vec::new();
        for signer in signed_data.signers() {
            hashes.extend(signer.digest_algorithm_with_sha1());
            hashes.extend(
                cms::stamps::tokens(signer)
                    .iter()
                    .filter_map(|token| token.hash()),
            );
        }
        hashes
    }

    /// What stands before the attached content and what behind it in a signature with the same content: `skeleton` is
    /// this one's, raised or with more signers. Of a detached one, all is in the first part.
    ///
    /// # Errors
    /// [`FormatError`] when the skeleton is none.
    pub fn around(&self, skeleton: &[u8]) -> Result<(Vec<u8>, Vec<u8>), FormatError> {
        let signed_data = SignedData::parse(skeleton)?;
        Ok(edit::around(&signed_data, self.content_length()))
    }

    /// Writes a signature with the same content: `skeleton` is this one's, raised or with more signers.
    ///
    /// # Errors
    /// Of reader and writer; [`io::ErrorKind::InvalidData`] when the skeleton is none.
    pub fn write(
        &self,
        skeleton: &[u8],
        file: &mut (impl Read + Seek),
        output: &mut impl Write,
    ) -> io::Result<()> {
        let Some(mut content) = self.content(file) else {
            return output.write_all(skeleton);
        };
        let (head, tail) = self.around(skeleton).map_err(invalid)?;
        output.write_all(&head)?;
        io::copy(&mut content, output)?;
        output.write_all(&tail)
    }
}

impl PreparedCades {
    /// Finishes a detached signature as an attached one: what stands before and what behind a content of `length`
    /// bytes, which is the one whose digest was signed.
    ///
    /// # Errors
    /// [`FinishError`]
    pub fn finish_around(
        self,
        signature: SignatureValue,
        length: u64,
    ) -> Result<(Vec<u8>, Vec<u8>), FinishError> {
        use crate::signing::Prepared;
        let detached = self.finish(signature)?;
        let signed_data = SignedData::parse(&detached).map_err(|_| FinishError::BadSignature)?;
        Ok(edit::around(&signed_data, Some(length)))
    }
}

fn invalid(error: FormatError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

/// Walks through a file in BER without reading the content.
struct Scan<'a, R> {
    file: &'a mut R,
    at: u64,
    /// Bytes of the file.
    total: u64,
}

impl<R: Read + Seek> Scan<'_, R> {
    fn container(mut self) -> io::Result<Container> {
        let malformed = || invalid(FormatError::Malformed);
        let total = self.total;
        // ContentInfo, [0], SignedData: three headers, each definite or not.
        let mut open = Vec::new();
        for (expected, name) in [
            (tag::SEQUENCE, true),
            (tag::context(0), false),
            (tag::SEQUENCE, false),
        ] {
            let header = self.header()?;
            if header.tag != expected {
                return Err(malformed());
            }
            open.push(header.length.is_none());
            if name {
                self.element(MAX_SKELETON, total)?;
            }
        }
        let version = self.element(MAX_SKELETON, total)?;
        let algorithms = self.element(MAX_SKELETON, total)?;
        let information = self.header()?;
        let content_type = self.element(MAX_SKELETON, total)?;
        let end = information
            .length
            .map(|length| self.at - content_type.len() as u64 + length as u64);
        let content = match self.peek()? {
            Some(0xA0) if end != Some(self.at) => Some(self.octets()?),
            _ => None,
        };
        if end.is_some_and(|end| end != self.at) {
            return Err(malformed());
        }
        if information.length.is_none() {
            self.expect_end()?;
        }
        // What is left: certificates, CRLs, signers, and the ends of what is open.
        let rest = total.checked_sub(self.at).filter(|rest| *rest <= MAX_SKELETON);
        let rest = self.bytes(rest.ok_or_else(malformed)?)?;
        let closing = INDEFINITE_END.repeat(open.iter().filter(|open| **open).count());
        let rest = rest.strip_suffix(closing.as_slice()).ok_or_else(malformed)?;
        let mut body = version;
        body.extend(algorithms);
        body.extend(cms::tlv::write(tag::SEQUENCE, &content_type));
        body.extend_from_slice(rest);
        let skeleton = cms::enclose_signed_data(&body);
        let skeleton = cms::to_der(&skeleton).map_err(invalid)?.into_owned();
        SignedData::parse(&skeleton).map_err(invalid)?;
        Ok(Container { skeleton, content })
    }

    /// `[0] EXPLICIT OCTET STRING`: where the content stands.
    fn octets(&mut self) -> io::Result<Vec<(u64, u64)>> {
        let explicit = self.header()?;
        let mut pieces = Vec::new();
        self.string(&mut pieces, 0)?;
        if explicit.length.is_none() {
            self.expect_end()?;
        }
        Ok(pieces)
    }

    fn string(&mut self, pieces: &mut Vec<(u64, u64)>, depth: usize) -> io::Result<()> {
        let malformed = || invalid(FormatError::Malformed);
        if depth > 8 || pieces.len() > MAX_PIECES {
            return Err(malformed());
        }
        let header = self.header()?;
        match (header.tag, header.length) {
            (tag::OCTET_STRING, Some(length)) => {
                pieces.push((self.at, length as u64));
                self.at = self.at.saturating_add(length as u64);
                Ok(())
            }
            (CONSTRUCTED_OCTETS, Some(length)) => {
                let end = self.at.saturating_add(length as u64);
                while self.at < end {
                    self.string(pieces, depth + 1)?;
                }
                if self.at == end { Ok(()) } else { Err(malformed()) }
            }
            (CONSTRUCTED_OCTETS, None) => {
                while self.peek()? != Some(0) {
                    self.string(pieces, depth + 1)?;
                }
                self.expect_end()
            }
            _ => Err(malformed()),
        }
    }

    fn expect_end(&mut self) -> io::Result<()> {
        if self.bytes(2)? == INDEFINITE_END {
            Ok(())
        } else {
            Err(invalid(FormatError::Malformed))
        }
    }

    /// A whole element, which must be small.
    fn element(&mut self, most: u64, total: u64) -> io::Result<Vec<u8>> {
        let start = self.at;
        let header = self.header()?;
        let length = header.length.ok_or_else(|| invalid(FormatError::Malformed))? as u64;
        let whole = header.len as u64 + length;
        if whole > most || start + whole > total {
            return Err(invalid(FormatError::Malformed));
        }
        self.at = start;
        self.bytes(whole)
    }

    /// Goes to where it is, which is not past the end, whatever a length said.
    fn go(&mut self) -> io::Result<()> {
        if self.at > self.total {
            return Err(invalid(FormatError::Malformed));
        }
        self.file.seek(SeekFrom::Start(self.at)).map(drop)
    }

    fn bytes(&mut self, count: u64) -> io::Result<Vec<u8>> {
        self.go()?;
        let mut bytes = Vec::new();
        let read = self.file.by_ref().take(count).read_to_end(&mut bytes)?;
        if read as u64 != count {
            return Err(invalid(FormatError::Malformed));
        }
        self.at += count;
        Ok(bytes)
    }

    fn peek(&mut self) -> io::Result<Option<u8>> {
        self.go()?;
        let mut one = [0];
        Ok((self.file.read(&mut one)? == 1).then_some(one[0]))
    }

    fn header(&mut self) -> io::Result<Header> {
        self.go()?;
        let mut bytes = Vec::new();
        self.file.by_ref().take(16).read_to_end(&mut bytes)?;
        let header = Header::read_ber(&bytes).map_err(|_| invalid(FormatError::Malformed))?;
        self.at += header.len as u64;
        Ok(header)
    }
}
