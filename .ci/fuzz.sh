#!/usr/bin/env bash
# Runs one fuzz target for so many seconds: fuzz.sh TARGET SECONDS. Uses the stable compiler: coverage by LLVM's own
# pass, libFuzzer from its crate. Found inputs stay in target/fuzz/corpus/TARGET; a crash ends with its input's name.
set -euo pipefail
target=${1:?target: request, frame, wire, cms, stream, timestamp, ocsp, crl, certificate, pdf, augment, xml, container, jws, template, parameter or store}
seconds=${2:-60}
cd "$(dirname "$0")/.."
out=$PWD/target/fuzz
seeds=()
features=()
longest=65536
memory=512
case $target in
    request | frame) folder=daemon/fuzz ;;
    wire) folder=daemon/fuzz features=(--features daemon) ;;
    cms | stream | timestamp | ocsp | crl | certificate | pdf | augment | xml | container | jws)
        folder=daemon/fuzz
        # The samples of others are the only seeds of XML; `make documents` makes them.
        for seed in "$PWD/daemon/signatures/tests/vectors" "$PWD/testdata/documents" "$PWD/target/documents/samples"; do
            [ -d "$seed" ] && seeds+=("$seed")
        done
        # Of containers, JWS, lists and answers there are none among them: the program makes some, where it is built.
        for trien in target/release/trien target/debug/trien; do
            if [ -x "$trien" ]; then
                [ -d "$out/seeds" ] || .ci/fuzz-seeds.sh "$trien" "$out/seeds"
                seeds+=("$out/seeds")
                break
            fi
        done ;;
    # A template or a parameter is short; what is long comes from repetition.
    template | parameter | store) folder=pkcs11-module/fuzz longest=2048 memory=1024 ;;
    *) echo "unknown target: $target" >&2; exit 2 ;;
esac
mkdir -p "$out/corpus/$target" "$out/crashes"
export CARGO_TARGET_DIR=$out
export RUSTFLAGS="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
 -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1 -Cdebug-assertions --cfg fuzzing"
host=$(rustc -vV | sed -n 's/^host: //p')
# A named target keeps the instrumentation away from build scripts and macros, which have no libFuzzer to report to.
(cd "$folder" && cargo build --quiet --release --target "$host" --bin "$target" "${features[@]}")
exec "$out/$host/release/$target" "$out/corpus/$target" "${seeds[@]}" -max_total_time="$seconds" -timeout=10 \
    -rss_limit_mb="$memory" -max_len="$longest" -artifact_prefix="$out/crashes/$target-" -print_final_stats=1
