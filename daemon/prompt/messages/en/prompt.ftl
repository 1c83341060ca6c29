# The consent window: short sentences; what happens, then what to do.

window-title = { $asks } – { $origin } – Triện

# Who asks, and what
ask-share-certificate = This site wants to see one of your certificates
ask-sign-in = This site asks you to sign in
ask-allow-origin = You have not allowed this site. May it ask you for signatures?
ask-allow-origin-again = You allowed this site before, and the time for that is over. May it go on asking you for signatures?
ask-sign-documents = { $count ->
    [one] This site asks you to sign a document
   *[other] This site asks you to sign { $count } documents
}
ask-sign-digest = { $count ->
    [one] This site asks you to sign a digest
   *[other] This site asks you to sign { $count } digests
}
road-extension = The request came through the browser extension
road-websocket = The request came through a WebSocket on this computer
road-program = The request came from a program on this computer, not from a browser that Triện knows. Go on only if you started that program yourself.
road-program-named = The request came from a program on this computer, not from a browser that Triện knows: { $program }. Go on only if you started that program yourself.
origin-unicode = In Unicode: { $host }
origin-around = inside a page of another site:
share-explained = The site will see the name, the identity numbers and the public key in the certificate. Nothing is signed.
sign-in-explained = The site learns who you are: your name, your identity numbers, and that the key is in your hands. No document is signed. Go on only if you came to this site yourself to sign in.
allow-explained = Nothing is signed and nothing is shown to the site now. Each time it wants a certificate, a sign-in or a signature, you are asked again; only to have signatures checked it need not ask. Allow only a site that you came to yourself.
digest-explained = This site does not show what you sign. Agree only if you trust it and know what you are signing.

# Documents
documents = Documents ({ $count })
documents-hint = Names are the site’s own. Click a line to see its whole digest.
documents-search = Search by name or digest
documents-none = { $of ->
    [digests] No digest fits the search.
   *[documents] No document fits the search.
}
documents-left-out = { $count } of { $total } cannot be signed: { $named }
documents-warned = Look at the documents with a warning: { $count } of { $total }.
warnings-unseen = Warnings to scroll to: { $count }
document-warning-signature-broken = An earlier signature in this document is broken.
document-warning-changed-after-signing = This document was changed after an earlier signature, in a way that is not permitted.
document-warning-signature-unchecked = Earlier signatures in this document could not be checked.
document-warning-active-content = This document can run scripts or programs, send data, or holds other files.
document-warning-shown-otherwise = What this document shows may not be all, or not the same for everybody: it has layers that are not always shown, annotations over its pages, or fields that show something other than their value.
document-warning-may-come = Parts that this document is drawn with are not there and could be added later: after it is signed it may look different.
document-warning-unsearched = Not all of this document could be looked through: it may hold more than it shows.
document-warning-last-signature = Part of this document breaks the rules of PDF: after you have signed it nobody can sign it too, and no time-stamp can be added. If others are to sign, ask for it to be saved as a new PDF first.
document-open = Open
document-open-named = Open { $name }
document-not-opened = The document cannot be shown here; no program may be set up for it.
document-not-copied = No copy of the document to look at can be made; the disk may be full.
document-too-many = Too many documents have been opened for one question. To look at the others, refuse and have fewer signed at once.
document-kind = { $kind } · { $size }
kind-pdf = PDF
kind-xml = XML
kind-zip = ZIP container
kind-text = text
kind-other = other data
digest-heading = { $count ->
    [one] Digest to be signed
   *[other] Digests to be signed ({ $count })
}

# A page that is not known yet
permissions = It may
permissions-days = For how _long
permission-certificates = ask to see one of your certificates
permission-sign-in = ask you to sign in
permission-sign = ask you to sign documents
permission-batch = ask for several signatures at once
permission-verify = have signatures checked
permission-blind-digest = ask you to sign digests that nobody can look behind
days-one = one day
days-month = 30 days
days-year = one year

# The signature: what the site puts into it, signed with the document
signature = Signature
signature-format = Format
format-pades = PAdES: the signature is inside the PDF
format-cades-attached = CAdES: the signature file holds the document
format-cades-detached = CAdES: the signature file is apart from the document
format-cades-parallel = CAdES: one more signature beside those in the signature file
format-cades-counter = CAdES: a counter-signature that confirms the signature in the file
format-xades-enveloped = XAdES: the signature lies inside the XML document
format-xades-enveloping = XAdES: the signature file holds the document
format-xades-detached = XAdES: the signature file is apart from the document
format-xmldsig = XML signature: in its place inside the XML document
format-jades = JAdES: a JSON signature that holds the document
format-asic-e = ASiC-E: a container with document and signature
format-asic-s = ASiC-S: a container with document and signature
format-ooxml = Office document (docx, xlsx, pptx): the signature goes into the document
signature-appearance = Appearance
signature-visible = The signature shows on the page
signature-certifies = Certification
certifies-nothing = Nobody may change the document afterwards
certifies-forms = Afterwards only forms may be filled in and signatures added
certifies-comments = Afterwards only forms, signatures and comments may be added
signature-locks = Form fields
locks-fields = Locked afterwards
signature-reason = Reason, by the site
signature-location = Place of signing

# Certificate
certificate = Certificate
certificate-choose = _Choose a certificate
certificate-choice = { $name } · { $issuer } · until { $until }
certificate-name = Name
certificate-settled = The PIN is for this certificate. To use another one, refuse and start again.
certificates-not-valid = { $count ->
    [one] 1 certificate is not offered: { $named }
   *[other] { $count } certificates are not offered: { $named }
}
certificate-expired = { $name }, expired on { $day }
certificate-not-yet = { $name }, valid from { $day }
certificate-organization = Organisation
certificate-identity = Identity
certificate-issuer = Issuer
certificate-serial = Serial number
certificate-validity = Valid
certificate-validity-value = { $from } – { $until }
certificate-status = Status
certificate-token = Token

# PIN
pin = PIN of the token { $token }
signer = Sign as: { $name }
signer-sign-in = Sign in as: { $name }
pin-reader = Type the PIN on the keypad of the card reader after you have agreed.
pin-locked = The PIN of this token is locked. Unlock it with the PUK, or ask the issuer of the certificate.
pin-not-needed = This token asks for no PIN.
pin-tries = { $count } tries are left before the token locks.
pin-few = A wrong PIN was typed lately. More wrong ones can lock the token.
pin-last = 1 try left: this is the last one. If the PIN is wrong, the token locks.
pin-acknowledge = I know this is the last try
pin-incorrect = The PIN is wrong. Type it again.
pin-invalid = The token takes no such PIN. No try was spent. Type it again.
pin-not-tried = The PIN has not been tried: another program has used up tries in the meantime. Type it again.
pin-resumed = The token is back. Type its PIN to go on.
pin-next-signature = This key wants its PIN for each signature. Type it for the next one.
pin-empty = Type the PIN.
pin-too-short = A PIN has at least { $min } characters. No try was spent.
pin-too-long = A PIN has at most { $max } characters. No try was spent.
pin-control = A PIN holds no control characters or line breaks. No try was spent.
pin-space = A PIN rarely begins or ends with a space. If the space belongs to it, confirm once more. No try was spent.
pin-letters = A PIN rarely holds letters with marks or special characters: an input method may have made them of what you typed. If they belong to it, confirm once more. No try was spent.

# The decision and how it ended
approve-sign = _Sign
approve-share = Let it _see
approve-allow = _Allow
approve-sign-in = _Sign in
refuse = _Refuse
refuse-keep = S_top, keep the { $count } signed
close = C_lose
time-left = Refused by itself in { $time }
working = Working…
working-reader = Type the PIN on the card reader…
working-progress = { $of ->
    [digests] { $done } of { $total } digests signed…
   *[documents] { $done } of { $total } documents signed…
}
paused = The token was pulled after { $done } of { $total }. Put it back to go on.
done-sign = Signed.
done-partly = { $signed } signed, { $failed } not. The site has been told why.
done-share = The site has the certificate.
done-allow = Allowed.
done-sign-in = Signed in.
failed-pin-locked = The token is locked: a wrong PIN was typed too often. Unlock it with the PUK, or ask the issuer of the certificate.

# Command line
help =
    trien-prompt: the consent window of Triện

    The Triện daemon starts this program when it has to ask you; it is not started by hand.

    Usage: trien-prompt [--help | --version]

    Exit codes: 0 asked · 2 misuse · 3 no display, or the daemon breaks the protocol
error-arguments = takes no arguments but --help and --version
error-not-a-daemon = this program is started by the Triện daemon, not by hand; use “trien daemon”
error-silent = the Triện daemon started this program but sent no question
error-too-long = the Triện daemon sent a message that is too long; check that all parts are of the same version
error-not-understood = the Triện daemon’s message is not understood ({ $error }); check that all parts are of the same version
error-out-of-turn = the Triện daemon sent a message out of turn; check that all parts are of the same version
error-system = the system refused: { $error }
error-no-question = the Triện daemon sent no valid question; check that all parts are of the same version
error-no-display = there is no display to ask on; run the daemon in the graphical session (DISPLAY or WAYLAND_DISPLAY)
