help = Triện lets a web page ask you for a digital signature, and lets nothing else happen.
help-template = {"{"}about-with-newline{"}"}
    {"{"}usage-heading{"}"} {"{"}usage{"}"}

    {"{"}all-args{"}"}
help-commands = Verbs
help-arguments = Arguments
help-options = Options
help-any-help = Print this help
help-any-version = Print the version
help-any-lang = The language of messages; without it, what LANG says
help-any-json = For programs: print the answer as JSON
help-any-pin-file = Take the PIN from the first line of this file
help-any-pin-fd = Take the PIN from the first line of this open file descriptor

help-daemon = Run the service in the foreground; it prints "ready" with its addresses when it is
help-daemon-config = The configuration file; without it, config.toml in the configuration folder
help-daemon-prompter = Who is asked: "window", or "scripted:FILE" for tests and CI (noted in the audit log)

help-token = Tokens and the keys on them
help-cert = Certificates on tokens

help-sign = Sign files with a key on a token. Several files are one batch with one PIN
help-sign-inputs = The files to sign
help-sign-out = Where to write: a file, or a folder if there are several inputs
help-sign-format = The signature format
help-sign-level = The baseline level; b is a signature without timestamp
help-sign-cert = Which certificate: part of its label, subject or serial number, or its SHA-256
help-sign-padding = For RSA keys: the signature scheme
help-sign-appearance = For PDF: show the signature on a page
help-sign-page = For PDF: the page it shows on, counted from 1
help-sign-rectangle = For PDF: where it shows, in points from the page's lower left corner: x1,y1,x2,y2
help-sign-reason = For PDF: why it is signed
help-sign-location = For PDF: where it is signed
help-sign-detached = For CAdES: write the signature alone, without the content

help-verify = Check the signatures of files; success only if every signature of every file is TOTAL-PASSED
help-verify-inputs = Signed PDF files or CMS signatures
help-verify-trust = A folder with the certificates to trust; without it, the configuration's
help-verify-at = Judge as of this time (RFC 3339) instead of now
help-verify-content = What a detached signature is about
help-verify-html = Also write the report as a web page to this file

help-origin = What web pages may do
help-origin-list = List the origins with their permissions
help-origin-allow = Permit an origin to ask you for signatures
help-origin-allow-origin = The origin, for instance https://dichvucong.gov.vn
help-origin-allow-scope = What it may ask for; may be repeated
help-origin-allow-until = When the permission ends (RFC 3339); without it, never
help-origin-revoke = Take an origin's permissions back; its open connections are closed
help-origin-revoke-origin = The origin

help-audit = The record of approvals and signatures
help-audit-show = Show the record
help-audit-show-last = Only the last so many entries
help-audit-verify = Check that nobody has changed the record
