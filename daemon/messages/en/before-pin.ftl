# The certificate before the PIN: revoked as of when, and what to beware of. The consent window ($at = window) has a place
# for each, the shell ($at = shell) says it in a line.
before-pin-status = Not revoked, as known on { $day }
before-pin-status-since = { before-pin-status } ({ $days ->
    [0] today
    [1] yesterday
   *[other] { $days } days ago
})
before-pin-expires-in = { $days ->
    [0] The certificate expires today.
    [1] The certificate expires tomorrow.
   *[other] The certificate expires in { $days } days.
}
before-pin-expires = { $at ->
    [shell] Caution: the certificate expires in less than 30 days (days left: { $days }); have your provider renew it.
   *[window] The certificate expires in less than 30 days.
}
before-pin-status-unknown = { $at ->
    [shell] Caution: whether
   *[window] Whether
} the certificate was revoked could not be checked.
before-pin-path-unknown = { $at ->
    [shell] Caution: no
   *[window] No
} path to a trusted root authority is known.
before-pin-weak-algorithm = { $at ->
    [shell] Caution: the
   *[window] The
} certificate rests on an algorithm that is no longer considered secure (SHA-1, or RSA below 2048 bits). The signature may not be accepted.
before-pin-software-token = { $at ->
    [shell] Caution: the
   *[window] The
} key is kept in software, not on a compliant device.
before-pin-roca-key = { $at ->
    [shell] Caution: the
   *[window] The
} key was made by a faulty chip (ROCA, CVE-2017-15361): others may be able to compute it. Have the certificate replaced.
