#!/usr/bin/env bash
# Fetches and builds the test suites that others wrote for PKCS #11 libraries, for tests/foreign_suites.rs.
#
#   prepare.sh OUT
#
#   OUT/cryptoki/      the `cryptoki` crate, of the version in Cargo.lock, with its tests built
#   OUT/python/        an interpreter with the bindings `pkcs11` and `PyKCS11`, and pytest
#   OUT/python-pkcs11/ OUT/pykcs11/   the tests from their source packages
#   OUT/crypto11       the Go package's tests, built (Debian packages the sources)
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "${1:?usage: prepare.sh OUT}"
out=$(cd "$1" && pwd)

manifest=$(cargo metadata --format-version 1 --locked --manifest-path "$here/../../Cargo.toml" |
    python3 -c 'import json, sys; print(next(p["manifest_path"] for p in json.load(sys.stdin)["packages"] if p["name"] == "cryptoki"))')
rm -rf "$out/cryptoki"
cp -r "$(dirname "$manifest")" "$out/cryptoki"
# Else cargo takes it for a forgotten member of the workspace around it.
printf '\n[workspace]\n' >> "$out/cryptoki/Cargo.toml"
(cd "$out/cryptoki" && CARGO_TARGET_DIR="$out/cryptoki/target" CARGO_PROFILE_TEST_DEBUG=0 cargo test --quiet --locked --no-run --tests)

python3 -m venv "$out/python"
"$out/python/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt"
sources=$(mktemp -d)
trap 'rm -rf "$sources"' EXIT
for package in $(grep -iE '^(python-pkcs11|pykcs11)==' "$here/requirements.txt"); do
    "$out/python/bin/pip" download --quiet --disable-pip-version-check --no-deps --no-binary "${package%%==*}" -d "$sources" "$package"
done
for archive in "$sources"/*.tar.gz; do tar -xzf "$archive" -C "$sources"; done
rm -rf "$out/python-pkcs11" "$out/pykcs11"
# The tests alone: beside them lie sources of the bindings, which would be taken in place of the built ones.
mkdir "$out/python-pkcs11" "$out/pykcs11"
cp -r "$sources"/python_pkcs11-*/tests "$out/python-pkcs11/"
cp -r "$sources"/pykcs11-*/test "$out/pykcs11/"

(cd /usr/share/gocode/src/github.com/ThalesIgnite/crypto11 &&
    GO111MODULE=off GOPATH=/usr/share/gocode GOCACHE="$out/go-cache" go test -c -o "$out/crypto11")
