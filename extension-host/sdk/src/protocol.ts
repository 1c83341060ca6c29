// Generated from daemon/protocol by `make protocol`. Do not edit.

export const PROTOCOL_VERSION = 1;
export const SUBPROTOCOL = "trien.v1";
export const DEFAULT_PORT = 47470;
export const WEBSOCKET_PATH = "/v1";
export const NATIVE_HOST_NAME = "vn.trien.host";

export type Language = "vi" | "en";

export type HashAlgorithm = "SHA-256" | "SHA-384" | "SHA-512";

export type RsaPadding = "pkcs1" | "pss";

export type SignatureFormat = "pades" | "cades_attached" | "cades_detached" | "cades_parallel" | "cades_counter" | "xades_enveloped" | "xades_enveloping" | "xades_detached" | "xmldsig" | "jades_compact" | "jades_json" | "asic_e" | "asic_e_cades" | "asic_s" | "asic_s_cades" | "ooxml";

export type Appearance = { 
/**
 * The name of a preset; `plain` if absent.
 */
preset?: string, 
/**
 * Counted from 1, 0 is the last one; if absent, the preset says which.
 */
page?: number, 
/**
 * Lower left and upper right corner in points, from the page's lower left: `[x1, y1, x2, y2]`.
 */
rectangle?: [number, number, number, number], 
/**
 * A text on the page, beside which it shows; instead of a rectangle.
 */
keyword?: string, 
/**
 * A PNG file, base64, at most [`crate::limits::MAX_IMAGE`] bytes: signature or seal.
 */
image?: string, 
/**
 * What a QR code beside it says.
 */
qr?: string, 
/**
 * Values that the preset's text has places for, by name.
 */
values?: { [key in string]: string }, 
/**
 * The language of the labels.
 */
language: Language, };

export type Certification = "nothing" | "forms" | "comments";

export type Level = "B-B" | "B-T" | "B-LT" | "B-LTA";

export type DocumentRef = { 
/**
 * What the person sees; never used as a path.
 */
name: string, 
/**
 * SHA-256 of its bytes, lower-case hexadecimal.
 */
sha256: string, 
/**
 * In bytes.
 */
size: number, };

export type Hello = { 
/**
 * Protocol versions the client speaks.
 */
versions: Array<number>, 
/**
 * What the client can make use of: [`crate::CAPABILITIES`]. Others are passed over.
 */
capabilities?: Array<string>, 
/**
 * Name and version of the client, for the log.
 */
client: string, };

export type Certificates = { 
/**
 * Only a certificate whose subject carries this tax code (`UID=MST:…`). Where none does that could be shared now the
 * answer is `no_certificate`, whatever the reason; and more than three different codes without one in ten minutes
 * are `rate_limited`: whose tokens these are, a page learns from the person alone.
 */
tax_code?: string, };

export type Authenticate = { 
/**
 * The portal's single-use challenge: base64 of at least 256 bits, [`crate::limits::NONCE_LENGTH`] characters.
 */
nonce: string, 
/**
 * Also hand over the person's signing certificate: the token is then in the format `web-eid:1.1`. Needs the grant
 * `certificates` as well.
 */
signing_certificate?: boolean, 
/**
 * See [`IdempotencyKey`].
 */
idempotency_key?: string, };

export type SignDigest = { 
/**
 * SHA-256 of the certificate's DER, lower-case hexadecimal; one that `certificates` returned on this connection.
 */
certificate: string, 
/**
 * The hash function the digest was made with.
 */
hash: HashAlgorithm, 
/**
 * The digest, base64. Its length must be that of the hash function.
 */
digest: string, 
/**
 * RSA only; PKCS #1 v1.5 if absent.
 */
padding?: RsaPadding, 
/**
 * See [`IdempotencyKey`].
 */
idempotency_key?: string, };

export type NamedDigest = { 
/**
 * What the person sees beside the digest, as the page's word.
 */
name?: string, 
/**
 * base64. Its length must be that of the hash function.
 */
digest: string, };

export type OnError = "go_on" | "stop";

export type SignDigests = { 
/**
 * As in [`SignDigest`].
 */
certificate: string, 
/**
 * As in [`SignDigest`].
 */
hash: HashAlgorithm, 
/**
 * What is to be signed, at most [`crate::limits::MAX_DOCUMENTS`].
 */
digests: Array<NamedDigest>, 
/**
 * As in [`SignDigest`].
 */
padding?: RsaPadding, 
/**
 * What becomes of the others when one fails.
 */
on_error?: OnError, 
/**
 * See [`IdempotencyKey`].
 */
idempotency_key?: string, };

export type SignDocuments = { 
/**
 * The manifest: what is to be signed, each document uploaded before, or after this (capability `manifest`). The person
 * is asked when all of them are here. While a manifest waits, what is uploaded and is not in it, or other than it
 * says, ends the request with `batch_mismatch`; so does, until the reply, a document of it that is sent again with
 * other bytes or another size.
 */
documents: Array<DocumentRef>, 
/**
 * The signature format.
 */
format: SignatureFormat, 
/**
 * `cades_parallel` beside a signature that stands alone: what that is about, uploaded too. Then `documents` holds one
 * entry. Capability `content`.
 */
content?: DocumentRef, 
/**
 * SHA-256 of the certificate's DER as returned by `certificates`; if absent the person picks.
 */
certificate?: string, 
/**
 * RSA only; PKCS #1 v1.5 if absent.
 */
padding?: RsaPadding, 
/**
 * The hash function of the signature; if absent, the one that is as strong as the curve of an EC key, SHA-256 for
 * others. P-521 takes no SHA-256, and JAdES has each curve with its own (RFC 7518, 3.4). Capability `hash`.
 */
hash?: HashAlgorithm, 
/**
 * PAdES only: what the signature looks like on the page; invisible if absent.
 */
appearance?: Appearance, 
/**
 * PAdES only: why it is signed (ISO 32000-1, table 252, Reason).
 */
reason?: string, 
/**
 * PAdES only: where it is signed (ISO 32000-1, table 252, Location).
 */
location?: string, 
/**
 * XML-DSig only: the name of the template; `general` if absent.
 */
template?: string, 
/**
 * PAdES only: the full name of an unsigned signature field that is there; a new field if absent.
 */
field?: string, 
/**
 * PAdES only: certifies the document, and says what may be done to it afterwards.
 */
certify?: Certification, 
/**
 * PAdES only: the full names of form fields that nobody may fill in or sign afterwards; all of them if empty.
 */
lock?: Array<string>, 
/**
 * The baseline level the results are to have; B-B if absent. Capability `level`. Above B-B a time-stamp authority of
 * this computer's configuration stamps the time; [`crate::reply::SignedDocument`] says what was reached.
 */
level?: Level, 
/**
 * What becomes of the others when one fails.
 */
on_error?: OnError, 
/**
 * See [`IdempotencyKey`].
 */
idempotency_key?: string, };

export type VerifyDocuments = { 
/**
 * PDF, XML, JWS, ASiC, or CMS with its content inside; uploaded before or after this, as in [`SignDocuments`].
 */
documents: Array<DocumentRef>, 
/**
 * For detached signatures: the content, uploaded too. Then `documents` holds one entry.
 */
content?: DocumentRef, };

export type Upload = { 
/**
 * SHA-256 of the whole document, lower-case hexadecimal; checked when the last byte has come.
 */
sha256: string, 
/**
 * Size of the whole document, in bytes.
 */
size: number, 
/**
 * Where these bytes belong: as many as have come before.
 */
offset: number, 
/**
 * The bytes, base64. Absent when they are the body of a binary frame (see [`crate::frame`]).
 */
data?: string, };

export type Download = { 
/**
 * SHA-256 of the whole document, lower-case hexadecimal.
 */
sha256: string, 
/**
 * First byte wanted.
 */
offset: number, 
/**
 * At most so many bytes; at most [`crate::limits::MAX_CHUNK`] come.
 */
length: number, };

export type Cancel = { 
/**
 * Id of the request to end.
 */
request: number, };

export type ErrorCode = "bad_request" | "method_not_found" | "hello_expected" | "version_mismatch" | "too_large" | "busy" | "document_missing" | "upload_mismatch" | "document_unreadable" | "document_encrypted" | "document_locked" | "bad_digest" | "bad_nonce" | "batch_stopped" | "key_reused" | "rate_limited" | "batch_mismatch" | "not_allowed" | "document_forbidden" | "user_muted" | "cancelled" | "nobody_to_ask" | "timed_out" | "no_certificate" | "certificate_not_found" | "certificate_expired" | "certificate_unsuitable" | "pin_incorrect" | "pin_locked" | "pin_expired" | "pin_invalid" | "token_removed" | "token_busy" | "certificate_revoked" | "certificate_status_unknown" | "pin_not_set" | "token_full" | "token_read_only" | "document_altered" | "module_hung" | "module_crashed" | "unsupported_by_token" | "bad_signature_from_token" | "token_failed" | "audit_unavailable" | "module_unusable" | "module_disabled" | "reader_service_stopped" | "reader_not_allowed" | "reader_failed" | "disk_full" | "reader_service_absent" | "internal";

export type Bilingual = { 
/**
 * Vietnamese
 */
vi: string, 
/**
 * English
 */
en: string, };

export type ErrorData = { 
/**
 * The stable name.
 */
code: ErrorCode, 
/**
 * What happened.
 */
message: Bilingual, 
/**
 * What to do about it.
 */
remedy: Bilingual, 
/**
 * Whether the same request may succeed if it is simply made again.
 */
retry: boolean, 
/**
 * For the developer: which field, which limit. Never a value from the message.
 */
detail?: string, };

export type ErrorObject = { 
/**
 * See [`ErrorCode::number`].
 */
code: number, 
/**
 * For the developer's console: the English text.
 */
message: string, 
/**
 * For programs and people.
 */
data: ErrorData, };

export type Stage = "collecting" | "asking" | "signing" | "paused" | "stamping";

export type PermissionNote = { 
/**
 * Always true: the answer is that of `hello`.
 */
asking: boolean, };

export type TokensChanged = Record<symbol, never>;

export type Progress = { 
/**
 * Which request.
 */
request: number, 
/**
 * What it does now.
 */
stage: Stage, 
/**
 * Documents finished.
 */
done: number, 
/**
 * Documents in all.
 */
total: number, };

export type Raised = { 
/**
 * The request that asked for it.
 */
request: number, 
/**
 * SHA-256 of what the reply named, lower-case hexadecimal.
 */
from: string, 
/**
 * SHA-256 of the document, lower-case hexadecimal.
 */
sha256: string, 
/**
 * Of the document, in bytes.
 */
size: number, 
/**
 * The level it has.
 */
level: Level, };

export type Event = { "method": "progress", "params": Progress } | { "method": "permission", "params": PermissionNote } | { "method": "tokens_changed", "params": TokensChanged } | { "method": "raised", "params": Raised };

export type Subject = { 
/**
 * CN
 */
common_name?: string, 
/**
 * O
 */
organization?: string, 
/**
 * `UID=MST:…`, tax code
 */
tax_code?: string, 
/**
 * `UID=CCCD:…`, citizen identity number
 */
citizen_id?: string, 
/**
 * `UID=CMND:…`, old identity card number
 */
old_identity_card?: string, };

export type Algorithm = { 
/**
 * `RSA` or `ECC`
 */
cryptoAlgorithm: string, 
/**
 * For instance `SHA-256`
 */
hashFunction: string, 
/**
 * `PKCS1.5` or `PSS` for RSA, `NONE` for ECC
 */
paddingScheme: string, };

export type Certificate = { 
/**
 * SHA-256 of the DER, lower-case hexadecimal: the certificate's name in other calls.
 */
sha256: string, 
/**
 * The DER, base64.
 */
certificate: string, 
/**
 * Certificates between it and its root, as far as the token or the trust store holds them, base64 DER.
 */
chain: Array<string>, 
/**
 * Whose it is.
 */
subject: Subject, 
/**
 * Common name of the issuer.
 */
issuer: string, 
/**
 * Serial number, lower-case hexadecimal.
 */
serial: string, 
/**
 * RFC 3339, UTC.
 */
not_before: string, 
/**
 * RFC 3339, UTC.
 */
not_after: string, 
/**
 * What its key can sign with, the usual one first.
 */
supported_algorithms: Array<Algorithm>, };

export type AuthenticationToken = { 
/**
 * The authentication certificate: DER, base64.
 */
unverifiedCertificate: string, 
/**
 * What it is signed with (RFC 7518, section 3.1), for instance `ES384`.
 */
algorithm: string, 
/**
 * base64. RSA: as in RFC 8017; ECDSA: r‖s.
 */
signature: string, 
/**
 * `web-eid:1.0`; `web-eid:1.1` with a signing certificate.
 */
format: string, 
/**
 * Names program and version.
 */
appVersion: string, 
/**
 * In the format `web-eid:1.1` only.
 */
unverifiedSigningCertificates?: Array<SigningCertificate>, };

export type SigningCertificate = { 
/**
 * DER, base64.
 */
certificate: string, 
/**
 * What its key can sign with.
 */
supportedSignatureAlgorithms: Array<Algorithm>, };

export type HelloReply = { 
/**
 * The version both speak from now on.
 */
version: number, 
/**
 * Minted by the daemon for this connection; 128 random bits, hexadecimal.
 */
session: string, 
/**
 * What both ends can make use of: those of [`crate::CAPABILITIES`] that the client named.
 */
capabilities: Array<string>, 
/**
 * What the page's origin may ask for: `certificates`, `sign_in`, `sign`, `batch`, `verify`, `blind_digest`.
 */
scopes: Array<string>, 
/**
 * When each of these ends that does, by its name: RFC 3339, UTC.
 */
expires?: { [key in string]: string }, 
/**
 * Most document bytes in one `upload` or `download`.
 */
max_chunk: number, 
/**
 * Largest document, in bytes.
 */
max_document: number, };

export type DigestSignature = { 
/**
 * base64. RSA: as in RFC 8017; ECDSA: DER `Ecdsa-Sig-Value` (RFC 3279, section 2.2.3).
 */
signature: string, 
/**
 * base64. RSA: the same; ECDSA: r‖s, as PKCS #11, JOSE and Web eID have it.
 */
raw_signature: string, 
/**
 * What was used, for instance `RS256`, `PS256`, `ES256` (RFC 7518, section 3.1).
 */
algorithm: string, 
/**
 * The same in the words of Web eID's wire.
 */
signature_algorithm: Algorithm, };

export type Receipt = { 
/**
 * What was agreed to: SHA-256, lower-case hexadecimal, over the documents in their order, each as three lines
 * (digest, size in bytes, length of the name in bytes) and the name in UTF-8 with a line feed behind it. For bare
 * digests the size is 0.
 */
manifest: string, 
/**
 * Number of the entry in the record.
 */
entry: number, 
/**
 * Hash of the entry in the record's chain, lower-case hexadecimal.
 */
hash: string, 
/**
 * Of the entry: RFC 3339, UTC, by that computer's clock.
 */
time: string, 
/**
 * SHA-256 of the certificate, lower-case hexadecimal.
 */
certificate: string, 
/**
 * Whose page asked; absent for the command line.
 */
origin?: string, 
/**
 * SHA-256 of each result (of the signature value, for a bare digest), in the order of the manifest; empty for one
 * that failed.
 */
results: Array<string>, };

export type SignedDigest = { "status": "signed", 
/**
 * As in [`DigestSignature`].
 */
signature: string, 
/**
 * As in [`DigestSignature`].
 */
raw_signature: string, } | { "status": "failed", 
/**
 * Why.
 */
error: ErrorObject, };

export type DigestSignatures = { 
/**
 * In the order of the request.
 */
signatures: Array<SignedDigest>, 
/**
 * What was used, for instance `RS256`, `PS256`, `ES256` (RFC 7518, section 3.1).
 */
algorithm: string, 
/**
 * The same in the words of Web eID's wire.
 */
signature_algorithm: Algorithm, 
/**
 * To be checked later against the record on this computer.
 */
receipt: Receipt, };

export type SignedDocument = { "status": "signed", 
/**
 * Of the request.
 */
name: string, 
/**
 * SHA-256 of the result, lower-case hexadecimal.
 */
sha256: string, 
/**
 * Of the result, in bytes.
 */
size: number, 
/**
 * The level it has, if one was asked for.
 */
level?: Level, 
/**
 * That the level asked for was not reached because no authority answered. The daemon goes on trying while the
 * connection lasts, and tells with the event `raised` when it is reached. If the request had an idempotency
 * key, it goes on for a day, also without a connection: the same request with the same key gets the raised
 * document once it is there.
 */
waiting?: boolean, } | { "status": "failed", 
/**
 * Of the request.
 */
name: string, 
/**
 * Why.
 */
error: ErrorObject, };

export type SignedDocuments = { 
/**
 * In the order of the request.
 */
documents: Array<SignedDocument>, 
/**
 * The certificate it was signed with.
 */
certificate: Certificate, 
/**
 * To be checked later against the record on this computer: `trien audit verify --receipt`.
 */
receipt: Receipt, };

export type VerifiedSignature = { 
/**
 * `TOTAL-PASSED`, `TOTAL-FAILED` or `INDETERMINATE` (EN 319 102-1, table 5).
 */
indication: string, 
/**
 * For the other two, for instance `HASH_FAILURE` or `NO_CERTIFICATE_CHAIN_FOUND`.
 */
sub_indication?: string, 
/**
 * Who signed; absent if the signature names nobody.
 */
signer?: Subject, 
/**
 * Common name of the issuer of the signer's certificate.
 */
issuer?: string, 
/**
 * RFC 3339, by the signer's own clock.
 */
claimed_time?: string, 
/**
 * The signature covers the whole document as it is now.
 */
covers_whole_document: boolean, };

export type VerifiedDocument = { 
/**
 * Of the request.
 */
name: string, 
/**
 * True only when there is a signature and every one is TOTAL-PASSED.
 */
valid: boolean, 
/**
 * In the order in which they were made.
 */
signatures: Array<VerifiedSignature>, };

export type VerifiedDocuments = { 
/**
 * In the order of the request.
 */
documents: Array<VerifiedDocument>, };

export type UploadReply = { 
/**
 * Bytes held so far.
 */
received: number, 
/**
 * All bytes came and their digest is right; from now on they cannot change.
 */
sealed: boolean, };

export type DownloadReply = { 
/**
 * Size of the whole document, in bytes.
 */
size: number, 
/**
 * The bytes, base64. Absent when they are the body of a binary frame (see [`crate::frame`]).
 */
data?: string, };

export type CancelReply = { 
/**
 * False when the request had ended before.
 */
cancelled: boolean, };

