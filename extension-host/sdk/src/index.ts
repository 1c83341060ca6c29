/**
 * `@trien/sdk`: a web page asks the person at this computer for a digital signature.
 *
 *     const trien = await Trien.connect();
 *     const { documents } = await trien.signDocuments({ documents: [{ name, bytes }], format: "pades" });
 *     trien.close();
 */

export { Trien } from "./trien.ts";
export type {
  AuthenticateOptions, BlobResults, CallOptions, DigestResult, PageDigest, ProgressReport, RaisedDocument, Reached, SignBlobResult, SignDigestOptions,
  SignDigestsOptions, SignDocumentsOptions, SignedBatch, SignedDigests, SignResult, VerifyDocumentsOptions,
} from "./trien.ts";
export type { ConnectOptions } from "./connect.ts";
export type { PageDocument } from "./documents.ts";
export type { DocumentBytes } from "./source.ts";
export { TrienError } from "./error.ts";
export type { ConnectionCode, TrienErrorCode } from "./error.ts";
export type { RoadName } from "./road.ts";
export type {
  Algorithm, Appearance, AuthenticationToken, Bilingual, Certificate, Certification, DigestSignature, ErrorCode, HashAlgorithm, Language, Level, OnError,
  Receipt, RsaPadding, SignatureFormat, SigningCertificate, Stage, Subject, VerifiedDocument, VerifiedDocuments, VerifiedSignature,
} from "./protocol.ts";
