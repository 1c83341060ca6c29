#!/usr/bin/env bash
# Runs the token's tests under the address sanitizer, leaks included: sanitize.sh [ARGUMENTS FOR THE TEST PROGRAMS].
#
# Instrumented are the Rust code of the library and its dependencies, and, by clang, the C code of the cryptographic
# library and the database; hand-written assembler is not, nor is Rust's own library. The sanitizer needs a flag that
# the stable compiler has only for its own sake, so it is asked to take it: what is built here is never shipped.
# The tests with programs of others are left out: they would have to be started with the sanitizer's runtime.
set -euo pipefail
cd "$(dirname "$0")/.."
host=$(rustc -vV | sed -n 's/^host: //p')
export CARGO_TARGET_DIR=$PWD/target/sanitize RUSTC_BOOTSTRAP=1
# The library has no runtime of its own: it finds the test program's, which therefore shows its symbols.
export RUSTFLAGS="-Zsanitizer=address -Cforce-frame-pointers=yes -Clink-arg=-Wl,--export-dynamic"
export "CC_${host//-/_}=clang" "CFLAGS_${host//-/_}=-fsanitize=address -fno-omit-frame-pointer"
# A named target keeps the instrumentation away from build scripts and macros.
build=(cargo test --quiet --locked --package trien-pkcs11 --target "$host")
programs=(--lib)
for test in pkcs11-module/tests/*.rs; do
    name=$(basename "$test" .rs)
    case $name in
        foreign_*) ;;
        # It runs the others under another tool.
        memory) ;;
        *) programs+=(--test "$name") ;;
    esac
done
# One test leaves the token without memory, which it has to be told of.
export ASAN_OPTIONS=detect_leaks=1:detect_stack_use_after_return=1:strict_string_checks=1:abort_on_error=0:allocator_may_return_null=1
# Leaks cannot be looked for in a process that strace holds, which kills the writers of these tests, and plays an emulator.
exec "${build[@]}" --no-fail-fast "${programs[@]}" -- --skip killed_anywhere --skip taken_and_not_followed "$@"
