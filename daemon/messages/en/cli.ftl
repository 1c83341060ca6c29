misuse-unknown-argument = Unknown argument "{ $argument }".
misuse-unknown-verb = Unknown verb "{ $verb }".
misuse-missing-argument = An argument is missing: { $argument }.
misuse-missing-verb = A verb is missing.
misuse-invalid-value = "{ $value }" is no value for { $argument }. Possible: { $choices }.
misuse-bad-value = "{ $value }" is no value for { $argument }.
misuse-conflict = { $argument } and { $other } cannot stand together.
misuse-other = The arguments make no sense together.
misuse-remedy = See "trien --help", or "trien VERB --help".
daemon-bad-prompter = "{ $value }" is no way to ask the person.
daemon-bad-prompter-remedy = Give "window", or "scripted:" with an absolute path.

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
sign-detached-pdf = A PAdES signature lies inside the PDF; it cannot be detached.
sign-detached-pdf-remedy = Leave --detached out, or choose --format cades.
sign-not-detached = This format has no detached form.
sign-not-detached-remedy = Leave --detached out, or choose --format cades or xades.
sign-not-enveloping = Only XAdES can lie around its content.
sign-not-enveloping-remedy = Leave --enveloping out, or choose --format xades.
sign-template-format = A template is for XML signatures.
sign-template-format-remedy = Leave --template out, or choose --format xmldsig.
sign-bad-rectangle = "{ $value }" is no rectangle.
sign-bad-rectangle-remedy = Give four numbers with x1 < x2 and y1 < y2, for instance 320,60,560,140.
sign-bad-value = "{ $value }" is no value.
sign-bad-value-remedy = Write name=text, for instance --value "number=15/QĐ-UBND".
sign-empty-selector = --cert names no certificate.
sign-empty-selector-remedy = Give a label, serial number, SHA-256 or part of a subject, or leave --cert out; see "trien cert list".

verify-nothing-to-trust = No trusted certificate was found in "{ $file }": nothing can be found valid. Put the root certificates of the CAs there, as PEM or DER files.
verify-over-input = "{ $file }" is an input; its original would be lost.
verify-over-input-remedy = Name another file with --html.
verify-bad-trust = Passed over: { $reason }
verify-bad-time = "{ $value }" is no time.
verify-bad-time-remedy = Write it like 2026-11-21T09:00:00+07:00.

origin-bad = "{ $origin }" is no origin that can be permitted.
origin-bad-remedy = Write it like https://dichvucong.gov.vn: https, the host, a port if it is not 443, and nothing behind it.
origin-unknown = "{ $origin }" has no permission.
origin-unknown-remedy = See "trien origin list".
origin-bad-time = "{ $value }" is no time in the future.
origin-bad-time-remedy = Write it like 2027-01-01T00:00:00+07:00.
origin-file-failed = The permissions in "{ $file }" cannot be read or written: { $reason }.
origin-file-failed-remedy = See that the file is yours, that only you may write it, and that its folder exists.
origin-file-rights = Others may write the file of permissions "{ $file }", or it is not yours.
origin-file-rights-remedy = Set its owner to you and its mode to 0600, then try again.
origin-file-content = The file of permissions "{ $file }" makes no sense in line { $line }: { $reason }.
origin-file-content-remedy = Correct that line, or move the file away and give the permissions anew.
origin-developer-only = Note: the daemon takes http pages of this computer only with "developer = true" in its configuration.
origin-none = No origin has any permission.
origin-allowed = { $origin } may now: { $scopes }.
origin-revoked = { $origin } has no permission any more.
origin-forever = no end
origin-nothing = nothing; you want no questions of it
origin-administrator-fixed = fixed by the administrator
origin-administrator-pregranted = allowed by the administrator; you may take it back
origin-administrator-forbidden = forbidden by the administrator
origin-administrator-limits = Note: the administrator's policy allows less than you have written down.
origin-administrator-fixed-it = The administrator has fixed what { $origin } may do; only he can change it.
scope-certificates = see a certificate
scope-sign-in = ask you to sign in
scope-sign = ask for signatures on documents
scope-batch = ask for several signatures at once
scope-verify = check signatures
scope-blind-digest = ask for signatures on bare digests

audit-empty = The record is empty.
audit-intact = The record is intact: { $count } entries.
audit-broken = The record was changed: entry { $sequence } does not follow from the one before it.
audit-broken-remedy = Keep the file as it is and tell whoever looks after this computer.
audit-unreadable = The record "{ $file }" cannot be read: { $reason }.
audit-unreadable-remedy = Check that the file is yours.
audit-torn = Its last line was not written to its end; the next entry will say so.
audit-receipt-true = The receipt is true: entry { $sequence } of this record speaks of the same { $count } signatures.
audit-receipt-false = The receipt is not borne out by this record: entry { $sequence } is missing or says something else.
audit-no-receipt = "{ $file }" is no receipt.
audit-no-receipt-remedy = Give the "receipt" object of the page's reply, as JSON.
audit-daemon-started = the daemon is ready; the person is asked by: { $more }
audit-asked = the person is asked
audit-approved = the person said yes
audit-refused = the person said no
audit-shared = a certificate was handed over
audit-granted = the person allowed the site: { $more }
audit-signed = signed ({ $more })
audit-failed = failed: { $more }
audit-withdrawn = the page went away
audit-repaired = { $more } bytes of a torn line were cut off

sign-queued = { $file } is at level B until a time-stamp authority can be reached; it is then raised by itself, or by "trien augment --queued".
queue-failed = The file cannot wait for its time-stamp: { $reason }.
queue-failed-remedy = Raise it by "trien augment" when the network is back.

augment-done = Raised: { $file }
augment-queued = Raised: { $raised }; still waiting: { $waiting }; given up: { $given_up }
augment-no-authority = There is no time-stamp authority to ask.
augment-no-authority-remedy = Name one with --tsa, or in the configuration under [[timestamp_authorities]].
augment-network = No time-stamp could be had: { $reason }.
augment-network-remedy = Check the network and try again. What was signed is there, at level B.
augment-untrusted = What proves the signature is not trusted here: { $reason }.
augment-untrusted-remedy = Add the root of that authority by "trien trust add FILE", after comparing its fingerprint with the published one.
augment-status-unknown = The level cannot be reached: { $reason }.
augment-status-unknown-remedy = Connect to the network, or import the authority's list: trien trust import-crl FILE.
augment-revoked = The level cannot be reached: { $reason }.
augment-revoked-remedy = A signature by a revoked certificate cannot be raised.
augment-format = The level cannot be reached: { $reason }.
augment-format-remedy = See whether the file is signed, and whether a detached signature needs --content.
augment-not-validated = The level was not written: our own check of the result did not find it ({ $reason }).
augment-not-validated-remedy = Nothing was changed. Check the input with "trien verify"; if it is valid there, please report this.

trust-anchors = Anchors:
trust-intermediates = Certificates on the way to them:
trust-crls = Revocation lists:
trust-line = { $name }, valid until { $to }, SHA-256 { $sha256 }
trust-line-invalid = { $name }, NOT VALID NOW (until { $to }), SHA-256 { $sha256 }
trust-published = its fingerprint is the published one of: { $name }
trust-crl = { $issuer }: as of { $from }, until { $to }
trust-crl-stale = { $issuer }: as of { $from }, OUT OF DATE since { $to }
trust-added = Trusted from now on:
trust-removed = No longer trusted: { $name }
trust-not-published = Caution: "{ $name }" calls itself a Vietnamese authority, and its fingerprint is none of the published ones. Compare it with what the authority itself publishes before you rely on it.
trust-unknown = No certificate, or more than one, begins with "{ $value }".
trust-unknown-remedy = See "trien trust list"; give at least 8 digits.
trust-elsewhere = The certificate stands in another file of the trust folder: { $file }: { $reason }.
trust-elsewhere-remedy = Take it out of that file by hand.
trust-crl-by-nobody = "{ $file }" is by "{ $issuer }", which is not known here: it was not taken in.
trust-crl-by-nobody-remedy = Add the certificate of that authority first: trien trust add FILE.
trust-crl-not-newer = "{ $file }" is not newer than the list that is here.
trust-no-crl = "{ $file }" is no revocation list.
trust-no-crl-remedy = Give a CRL in DER or PEM, of 10 MiB at most.
trust-evidence = { $time }: { $signer }, documents: { $documents }
trust-evidence-erased = Erased: { $count }

daemon-bad-script = The simulation { $file } cannot be understood: { $reason }
daemon-bad-script-remedy = See the README's section about the simulator for what may stand in it.
daemon-no-simulator = The simulator's library (libtrien_simulator.so) is not installed.
daemon-no-simulator-remedy = Install Triện anew: the library belongs beside libtrien_pkcs11.so.
cli-unwritable-folder = A folder for temporary files cannot be made: { $reason }
cli-unwritable-folder-remedy = Check that there is room on the disk, and where TMPDIR points to.

doctor-config = The configuration cannot be used: { $reason }
doctor-config-remedy = Mend the file; the daemon does not start with it.
doctor-config-notice = Passed over in the configuration: { $notice }
doctor-config-notice-remedy = Mend the configuration, or install what it names.
doctor-pcscd = The smart card service (pcscd) runs.
doctor-pcscd-absent = The smart card service (pcscd) does not run.
doctor-pcscd-not-allowed = The smart card service (pcscd) does not let you in.
doctor-pcscd-failed = The smart card service (pcscd) fails: { $reason }
doctor-pcscd-failed-remedy = Start it anew (systemctl restart pcscd), or update the package pcscd.
doctor-reader = Reader on USB: { $reader }
doctor-reader-no-driver = Reader on USB without a driver: { $reader }
doctor-reader-no-driver-remedy = Install the readers' driver (package libccid), then plug the reader in again.
doctor-module = Driver { $module }{ $maker }: { $library }
doctor-module-library = Driver { $module }{ $maker } is not loaded: { $library }. { $reason }
doctor-module-failed = Driver { $module }{ $maker } fails: { $library }. { $reason }
doctor-card-failed = A smart card cannot be used now. { $reason }
doctor-sandbox = Driver { $module } is closed in: no home folder, no network.
doctor-sandbox-open =
    Driver { $module } is not wholly closed in: files { $files ->
        [closed] closed
        [partly] partly closed
       *[open] open
    }, network { $network ->
        [closed] closed
        [partly] partly closed
       *[open] open
    }.
doctor-sandbox-open-remedy = A newer kernel with Landlock and seccomp closes it in; if the driver's row asks for the network, that is as it should be.
doctor-no-token = No token is in reach.
doctor-token = Token { $token } is ready.
doctor-pin-locked = Token { $token }: its PIN is locked.
doctor-pin-to-be-changed = Token { $token }: its PIN must be changed first.
doctor-pin-not-set = Token { $token } has no PIN yet.
doctor-pin-last-try = Token { $token }: one more wrong PIN locks it.
doctor-pin-last-try-remedy = Type the PIN with care, or have it set anew by your provider before you try.
doctor-certificate = Certificate of { $name } on { $token }: valid until { $time }.
doctor-certificate-soon = Certificate of { $name } on { $token }: ends soon, at { $time }.
doctor-certificate-soon-remedy = Have it renewed by its provider.
doctor-certificate-expired = Certificate of { $name } on { $token }: expired at { $time }.
doctor-certificate-expired-remedy = Have it renewed by its provider; check this computer's clock if the date surprises you.
doctor-certificate-not-yet = Certificate of { $name } on { $token }: valid only from { $time }.
doctor-certificate-not-yet-remedy = Check this computer's clock.
doctor-certificate-roca-key = Certificate of { $name } on { $token }: its key was made by a faulty chip (ROCA, CVE-2017-15361), and others may be able to compute it.
doctor-certificate-roca-key-remedy = Ask its provider for another token and a new certificate.
doctor-clock = Clock: { $time }.
doctor-clock-behind = The clock of this computer is behind: it says { $time }, and files here were written later.
doctor-clock-behind-remedy = Set the clock, or switch on its synchronisation: timedatectl set-ntp true
doctor-browser = { $browser } can start Triện.
doctor-browser-no-manifest = { $browser } does not know Triện.
doctor-browser-no-manifest-remedy = Run: trien-extension-host install
doctor-browser-manifest-broken = { $browser } would start a program that is not there: { $file }
doctor-browser-manifest-broken-remedy = Run: trien-extension-host install
doctor-daemon = The daemon runs.
doctor-daemon-absent = The daemon does not run.
doctor-daemon-absent-remedy = Start it: trien daemon
doctor-port-taken = The daemon does not run, and its port { $port } is taken by another program.
doctor-port-taken-remedy = End that program, or choose another port in the configuration (websocket.port).
