help = Triện lets a web page ask you for a digital signature, and lets nothing else happen.
help-template = {"{"}about-with-newline{"}"}
    Usage: {"{"}usage{"}"}

    {"{"}all-args{"}"}{"{"}after-help{"}"}
help-commands = Verbs
help-arguments = Arguments
help-options = Options
help-examples = Examples:
help-trien-examples = {"  "}trien doctor
    {"  "}trien token list
    {"  "}trien sign letter.pdf --out letter-signed.pdf
    {"  "}trien verify letter-signed.pdf
    {"  "}trien origin allow https://dichvucong.gov.vn
    {"  "}trien help sign
help-sign-examples = {"  "}trien sign letter.pdf --out letter-signed.pdf
    {"  "}trien sign *.pdf --out signed/ --cert "Nguyen Van An"
    {"  "}trien sign papers.zip --format cades --out papers.zip.p7m
    {"  "}trien sign letter.pdf --out letter-signed.pdf --level t --appearance plain --page last
help-verify-examples = {"  "}trien verify letter-signed.pdf
    {"  "}trien verify *.pdf --html report.html
    {"  "}trien verify papers.p7s --content papers.zip
help-augment-examples = {"  "}trien augment letter-signed.pdf --level lt --out letter-kept.pdf
    {"  "}trien augment --queued
help-token-examples = {"  "}trien token list
    {"  "}trien token change-pin --token "My token"
    {"  "}trien token init --label "A test"
help-origin-examples = {"  "}trien origin allow https://dichvucong.gov.vn
    {"  "}trien origin allow https://dichvucong.gov.vn --scope sign --until 2027-01-01T00:00:00+07:00
    {"  "}trien origin list
help-trust-examples = {"  "}trien trust add root-ca.crt
    {"  "}trien trust list
    {"  "}trien trust import-crl ca.crl
help-cert-examples = {"  "}trien cert list
    {"  "}trien cert list --reveal
    {"  "}trien cert list --json
help-audit-examples = {"  "}trien audit show --last 20
    {"  "}trien audit verify
    {"  "}trien audit verify --receipt receipt.json
help-daemon-examples = {"  "}systemctl --user enable --now trien
    {"  "}trien daemon
    {"  "}trien daemon --config ./config.toml
help-doctor-examples = {"  "}trien doctor
    {"  "}trien doctor --lang vi
    {"  "}trien doctor --json
help-value-file = FILE
help-value-file-dir = FILE|DIR
help-value-dir = DIR
help-value-in = IN
help-value-selector = SELECTOR
help-value-preset = PRESET
help-value-time = TIME
help-value-count = COUNT
help-value-origin = ORIGIN
help-value-label = LABEL
help-value-pin-file = FILE
help-value-so-pin-file = FILE
help-value-new-pin-file = FILE
help-value-puk-file = FILE
help-value-management-key-file = FILE
help-value-pin-fd = NUMBER
help-value-so-pin-fd = NUMBER
help-value-new-pin-fd = NUMBER
help-value-token = TOKEN
help-value-algorithm = ALGORITHM
help-value-subject = SUBJECT
help-value-out = FILE
help-value-key = LABEL
help-value-cert = FILE
help-value-scope = SCOPE
help-value-until = TIME
help-value-format = FORMAT
help-value-level = LEVEL
help-value-on-error = HOW
help-value-padding = PADDING
help-value-hash = HASH
help-value-page = PAGE
help-value-reason = REASON
help-value-location = LOCATION
help-value-lang = LANGUAGE
help-value-prompter = PROMPTER
help-value-rectangle = X1,Y1,X2,Y2
help-value-profile = PROFILE
help-value-password-file = FILE
help-value-id = HEX
help-value-name = NAME
help-value-text = TEXT
help-value-certify = 1|2|3
help-value-name-text = NAME=TEXT
help-value-fields = all|NAME,…
help-value-n-last = N|last
help-value-module = MODULE
help-value-script = SCRIPT
help-value-options = [OPTIONS]
help-value-verb = VERB
help-any-help = Print this help
help-any-version = Print the version
help-any-lang = The language of messages: vi or en; without it, what LANG says
help-any-json = For programs: print the answer as JSON
help-any-pin-file = Take the PIN from the first line of this file; the last try is taken from the terminal only
help-any-pin-fd = Take the PIN from the first line of this open file descriptor; the last try is taken from the terminal only

help-daemon = Run the service in the foreground; it prints "ready" with its addresses when it is
help-daemon-config = The configuration file; without it, config.toml in the configuration folder
help-daemon-prompter = Who is asked: "window", or "scripted:" with an absolute path, for tests and CI (noted in the audit record)
help-daemon-simulate = Instead of the tokens of this computer, show those of a script, in the mood it says: hanging, slow, lying, pulled. For developers of portals; the README's section about the simulator has the format
help-doctor = Look for what stands in the way of a signature: readers, drivers, tokens, certificates, browsers, clock; each finding with its remedy

help-token = Tokens and the keys on them
help-cert = Certificates on tokens
help-cert-list-reveal = First log in to each token that shows no certificate, and remember those that show then

help-sign = Sign files with a key on a token. Several files are one batch with one PIN
help-sign-inputs = The files to sign; "-" is standard input
help-sign-out = Where to write: a file, or a folder if there are several inputs (made if "/" ends its name); "-" is standard output
help-sign-force = Replace results that are there without a question. Without it the person at the terminal is asked before the PIN; where the PIN comes from a file, they are replaced, and a line says so
help-sign-format = The signature format: pades (the default, for PDF), ooxml (the default for docx, xlsx, pptx), cades (any file), xades and xmldsig (XML), jades and jades-json (JSON), asic-e and asic-s (containers with XAdES), asic-e-cades and asic-s-cades
help-sign-level = The baseline level: b (the default), t with a time-stamp, lt with what proves it, lta with a time-stamp over that
help-sign-tsa = The time-stamp authority to ask, http://…; otherwise those of the configuration, one after the other
help-sign-queue = If no authority can be reached: leave the file at level b, and raise it when one can be
help-sign-cert = Which certificate: its label, serial number or SHA-256 exactly, at least the first 8 digits of its SHA-256, or part of its subject
help-sign-padding = For RSA keys: the signature scheme, pkcs1 or pss; if none is named, pkcs1, or pss where the token makes nothing else
help-sign-hash = The hash function of the signature: sha256, sha384 or sha512; if none is named, the one that fits the key (sha256 for RSA). A field of a PDF may ask for another
help-sign-appearance = For PDF: show the signature on a page; the look: plain, person, agency, copy, attachment, incoming, number-and-date, or a preset of your own
help-sign-page = For PDF: the page it shows on, counted from 1, or last; the preset knows the usual one
help-sign-rectangle = For PDF: where it shows, in points from the page's lower left corner: x1,y1,x2,y2
help-sign-at-keyword = For PDF: show it beside this text, where that stands on a page
help-sign-image = For PDF: the picture of your signature or of the seal (PNG); the presets person, agency and incoming need it
help-sign-qr = For PDF: a QR code beside it, mostly an address where the document can be looked up
help-sign-value = For PDF: what the preset's text needs, for instance number=15/QĐ-UBND (the presets attachment and number-and-date need it) or form=TRÍCH SAO; may be repeated
help-sign-field = For PDF: sign this empty signature field of the document
help-sign-certify = For PDF: certify the document; afterwards 1: no change, 2: only forms and signatures, 3: comments too
help-sign-lock = For PDF: form fields that nobody may fill in or sign afterwards: all, or their names
help-sign-despite-changes = For PDF: sign although an earlier signature is broken or the document was changed after it
help-sign-on-error = When one file cannot be signed: go-on signs the others (the default), stop signs none after it, and none at all if it is found before the PIN
help-sign-reason = For PDF and Office documents: why it is signed
help-sign-location = For PDF: where it is signed
help-sign-detached = For CAdES: write the signature alone, without the content
help-sign-parallel = For CAdES: the files are signatures; add one more beside those that are there
help-sign-content = With --parallel: the file that a signature without content inside is about
help-sign-countersign = For CAdES: the files are signatures by one signer; add a counter-signature that confirms it
help-sign-enveloping = For XAdES: put the content inside the signature; at most 149 MiB, as with jades and jades-json, for the result has to be checked
help-sign-template = For xmldsig: general (the default), tax-declaration, tax-registration, e-invoice, e-invoice-buyer, e-invoice-tax-authority, e-invoice-notice, e-invoice-notice-tax-authority, or the name of a file NAME.toml in the folder "templates" beside config.toml

help-verify = Check the signatures of files; success only if every signature of every file is TOTAL-PASSED
help-verify-inputs = Signed files: PDF, CMS (.p7m, .p7s), XML, JSON (JWS), ASiC containers or Office documents; "-" is standard input
help-verify-trust = The certificates to trust: a file (PEM, DER or .p7b) or a folder of such; without it, the configuration's
help-verify-at = Judge as of this time (RFC 3339) instead of now
help-verify-content = What a detached signature is about
help-verify-allow-sha1 = Let SHA-1 count, for documents of a time when it was in use; the report says so
help-verify-require-revocation = Pass no signature whose certificates may have been revoked without our knowing
help-verify-html = Also write the report as a web page to this file

help-origin = What web pages may do
help-origin-list = List the origins with their permissions and when these end, the administrator's too
help-origin-allow = Permit an origin to ask you for signatures
help-origin-allow-origin = The origin, for instance https://dichvucong.gov.vn
help-origin-allow-scope = What it may ask for: certificates, sign_in, sign, batch, verify, blind_digest; may be repeated; without it, the usual ones
help-origin-allow-until = When the permission ends (RFC 3339), or never; without it, in a year
help-origin-allow-add = Beside what it has already, each with its own end; without it, instead
help-origin-revoke = Take an origin's permissions back; its open connections are closed
help-origin-revoke-origin = The origin
help-origin-revoke-scope = Only this permission; may be repeated; without it, all

help-audit = The record of approvals and signatures
help-audit-show = Show the record
help-audit-show-last = Only the last so many entries
help-audit-verify = Check that nobody has changed the record
help-audit-verify-receipt = Also check this receipt, which a page got beside its signatures (JSON)
help-audit-verify-record = Check this file in place of the present record: one that was moved away

help-augment = Raise the level of a signature: a time-stamp (t), what proves the certificates (lt), a time-stamp over all that (lta)
help-augment-input = The signed file; "-" is standard input
help-augment-level = The baseline level to reach: t (the default), lt or lta
help-augment-out = Where to write the result; "-" is standard output
help-augment-content = For a detached signature: the file it is about (needed for lta)
help-augment-tsa = The time-stamp authority to ask, http://…; otherwise those of the configuration, one after the other
help-augment-queued = Raise everything that waits in the queue, instead of one file

help-trust = Whom this computer trusts, and what it knows about revocations
help-trust-list = List anchors, intermediate certificates and revocation lists with their freshness
help-trust-add = Trust certificates: those that issued themselves as anchors, the others as links on the way
help-trust-add-files = Certificates: PEM, DER or .p7b
help-trust-remove = Trust a certificate no longer
help-trust-remove-sha256 = Its SHA-256 as "trien trust list" shows it, or at least its first 8 digits
help-trust-import-crl = Take in revocation lists, for machines without a network; only those by an authority that is known
help-trust-import-crl-files = Revocation lists, PEM or DER
help-trust-evidence = What was known of the certificates when they signed: certificate, path, revocation
help-trust-evidence-erase = Erase it instead of listing it
help-trust-evidence-before = Erase only what is older than this time
