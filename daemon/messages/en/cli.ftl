misuse-unknown-argument = Unknown argument "{ $argument }".
misuse-unknown-verb = Unknown verb "{ $verb }".
misuse-missing-argument = An argument is missing: { $argument }.
misuse-missing-verb = A verb is missing.
misuse-invalid-value = "{ $value }" is no value for { $argument }. Possible: { $choices }.
misuse-bad-value = "{ $value }" is no value for { $argument }.
misuse-conflict = { $argument } and { $other } cannot stand together.
misuse-other = The arguments make no sense together.
misuse-remedy = See "trien --help", or "trien VERB --help".

cli-no-runtime = The program could not start its threads: { $reason }.
cli-no-runtime-remedy = Close other programs, or raise the limit on processes, and try again.
cli-no-places = This user has no home folder or no runtime folder (XDG_RUNTIME_DIR).
cli-no-places-remedy = Log in normally, or set TRIEN_HOME to a folder that is yours alone.
cli-unreadable = "{ $file }" cannot be read: { $reason }.
cli-unreadable-remedy = Check the name and that you may read it.
cli-unwritable = "{ $file }" cannot be written: { $reason }.
cli-unwritable-remedy = Choose another place, or free the disk. Nothing was left half written.
cli-too-large = "{ $file }" is larger than { $limit } bytes.
cli-too-large-remedy = Split it, or sign a smaller file.

sign-done = Signed: { $file }
sign-failed = Not signed: { $file }: { $reason }
sign-out-not-a-folder = There are several inputs, and "{ $file }" is no folder.
sign-out-not-a-folder-remedy = Name an existing folder with --out.
sign-same-name = Two results would be written to "{ $file }".
sign-same-name-remedy = Sign them one by one, or rename one of them.
sign-over-input = "{ $file }" is an input; its original would be lost.
sign-over-input-remedy = Name another file with --out.
sign-bad-rectangle = "{ $value }" is no rectangle.
sign-bad-rectangle-remedy = Give four numbers with x1 < x2 and y1 < y2, for instance 320,60,560,140.

verify-nothing-to-trust = No trusted certificate was found in "{ $file }": nothing can be found valid. Put the root certificates of the CAs there, as PEM or DER files.
verify-bad-trust = Passed over: { $reason }
verify-bad-time = "{ $value }" is no time.
verify-bad-time-remedy = Write it like 2026-11-21T09:00:00+07:00.
verify-not-signed-file = "{ $file }" is neither a PDF nor a CMS signature.
verify-not-signed-file-remedy = Choose the signed file.
verify-unreadable-document = "{ $file }" cannot be checked: { $reason }.
verify-unreadable-document-remedy = Ask for the file again: it is damaged, encrypted, or not complete.

origin-bad = "{ $origin }" is no origin that can be permitted.
origin-bad-remedy = Write it like https://dichvucong.gov.vn: https, the host, a port if it is not 443, and nothing behind it.
origin-unknown = "{ $origin }" has no permission.
origin-unknown-remedy = See "trien origin list".
origin-bad-time = "{ $value }" is no time in the future.
origin-bad-time-remedy = Write it like 2027-01-01T00:00:00+07:00.
origin-file-failed = The permissions in "{ $file }" cannot be read or written: { $reason }.
origin-file-failed-remedy = See that the file is yours, that only you may write it, and that its folder exists.
origin-developer-only = Note: the daemon takes http pages of this computer only with "developer = true" in its configuration.
origin-none = No origin has any permission.
origin-allowed = { $origin } may now: { $scopes }.
origin-revoked = { $origin } has no permission any more.
origin-forever = no end
scope-certificates = see a certificate
scope-sign = ask for signatures on documents
scope-verify = check signatures
scope-blind-digest = ask for signatures on bare digests

audit-empty = The record is empty.
audit-intact = The record is intact: { $count } entries.
audit-broken = The record was changed: entry { $sequence } does not follow from the one before it.
audit-broken-remedy = Keep the file as it is and tell whoever looks after this computer.
audit-unreadable = The record "{ $file }" cannot be read: { $reason }.
audit-unreadable-remedy = Check that the file is yours.
