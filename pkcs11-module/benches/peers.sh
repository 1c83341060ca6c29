#!/usr/bin/env bash
# The software token beside its peers, in one run on one machine: SoftHSM 2 and NSS softokn of the system, Kryoptic
# from the package registry, and the same operations called directly in AWS-LC. Prints tables in Markdown.
#
#   peers.sh                    everything: some ten minutes, most of them for the 10,000 objects of each peer
#   peers.sh signatures starts  only these; `examples/measure/main.rs` lists what there is
#   peers.sh objects:10000 starts   making and finding objects, and then the memory of a process that has so many
#
# Reads BUILD, the folder in which cargo has built the module and the example `measure` for release. Peers are kept
# under $BUILD/peers. A peer that cannot be had is named, and the others are measured without it.
set -euo pipefail
cd "$(dirname "$0")/../.."

build=$(realpath "${BUILD:-target}")
peers=$build/peers
measure=$build/release/examples/measure
label=bench pin=12345678 so_pin=87654321
kryoptic=1.5.4

say() { printf 'peers.sh: %s\n' "$*" >&2; }

main() {
    .ci/packages.sh bench || say "some packages are missing; what needs them is left out"
    mkdir -p "$peers"
    # On the disk on which we build: what syncs is measured, and in a memory file system nothing would be.
    run=$(mktemp -d "$peers/run.XXXXXX")
    trap 'rm -rf "$run"' EXIT
    modules=()
    for peer in trien softhsm kryoptic nss; do
        "$peer" || say "$peer takes no part"
    done
    describe
    [ $# -gt 0 ] || set -- signatures threads bulk starts syscalls sizes objects:10000 starts
    for what; do
        "$measure" "$what" --label "$label" --pin "$pin" "${modules[@]}" || say "$what failed"
    done
}

# Each peer: its configuration in the environment, a token in the run's folder, its module in the list.

trien() {
    export TRIEN_HOME=$run/trien
    init_token "$build/release/libtrien_pkcs11.so" && modules+=("trien=$build/release/libtrien_pkcs11.so")
}

softhsm() {
    local module=/usr/lib/softhsm/libsofthsm2.so
    [ -e "$module" ] || return
    export SOFTHSM2_CONF=$run/softhsm2.conf
    mkdir "$run/softhsm"
    printf 'directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\n' "$run/softhsm" > "$SOFTHSM2_CONF"
    init_token "$module" && modules+=("softhsm=$module")
}

kryoptic() {
    local module=$peers/kryoptic/target/release/libkryoptic_pkcs11.so
    [ -e "$module" ] || build_kryoptic || return
    export KRYOPTIC_CONF=$run/kryoptic.conf
    printf '[[slots]]\nslot = 0\ndbtype = "sqlite"\ndbargs = "%s"\n' "$run/kryoptic.sql" > "$KRYOPTIC_CONF"
    init_token "$module" && modules+=("kryoptic=$module")
}

nss() {
    local module
    # The system's: a browser's own copy cannot do without the browser's other libraries.
    module=$(find /usr/lib/*-linux-gnu -name libsoftokn3.so -print -quit)
    [ -n "$module" ] && command -v certutil >/dev/null || return
    mkdir "$run/nss"
    printf '%s' "$pin" > "$run/nss.pin"
    certutil -N -d "sql:$run/nss" -f "$run/nss.pin" || return
    export NSS_LIB_PARAMS="configdir='sql:$run/nss' certPrefix='' keyPrefix='' secmod='' flags= dbTokenDescription='$label'"
    modules+=("nss=$module")
}

init_token() { # module
    pkcs11-tool --module "$1" --slot-index 0 --init-token --label "$label" --so-pin "$so_pin" >/dev/null 2>&1 &&
        pkcs11-tool --module "$1" --token-label "$label" --init-pin --login --login-type so \
            --so-pin "$so_pin" --pin "$pin" >/dev/null 2>&1
}

# Kryoptic with the system's OpenSSL. Of Debian 12's, which is 3.0, it uses all but EdDSA and the post-quantum
# algorithms, which it wants a later one for.
build_kryoptic() {
    say "building kryoptic $kryoptic, once: some minutes"
    local folder=$peers/kryoptic manifest lib=kryoptic-lib
    rm -rf "$folder"
    mkdir -p "$folder/fetch/src"
    touch "$folder/fetch/src/lib.rs"
    printf '[package]\nname = "fetch"\nversion = "0.0.0"\nedition = "2024"\n[dependencies]\nkryoptic = "=%s"\n[workspace]\n' \
        "$kryoptic" > "$folder/fetch/Cargo.toml"
    manifest=$(cargo metadata --quiet --format-version 1 --manifest-path "$folder/fetch/Cargo.toml" |
        grep -o "\"manifest_path\":\"[^\"]*/kryoptic-$kryoptic/Cargo.toml\"" | cut -d'"' -f4) || return
    cp -r "$(dirname "$manifest")/." "$folder"
    chmod -R u+w "$folder"
    printf '\n[workspace]\n' >> "$folder/Cargo.toml"
    CONFDIR=/etc CARGO_TARGET_DIR=$folder/target cargo build --quiet --release --locked --no-default-features \
        --manifest-path "$folder/Cargo.toml" --features \
        "$lib/dynamic,$lib/sqlitedb,$lib/ecc_min,$lib/ec_montgomery,$lib/ffdh,$lib/hash_all,$lib/kdf_all,$lib/rsa,$lib/hotp,nssdb,log"
}

describe() {
    local version
    version() { dpkg-query -W -f='${Version}' "$1" 2>/dev/null || echo none; }
    echo "$(grep -m1 '^model name' /proc/cpuinfo | cut -d: -f2 | xargs), $(nproc) cores, load $(cut -d' ' -f1-3 /proc/loadavg);" \
        "SoftHSM $(version softhsm2), Kryoptic $kryoptic with OpenSSL $(version libssl3), NSS $(version libnss3);" \
        "objects on $(findmnt -n -o FSTYPE -T "$run")."
}

main "$@"
