#!/usr/bin/env bash
# Every test, one step after another, each with its own log under target/test-logs; a step that fails does not keep
# the others from running. Ends with one line: N passed, N failed, N skipped. `make test` prepares what it needs.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 3

logs=target/test-logs
profile=${NEXTEST_PROFILE:-default}
export PATH=$PWD/target/tools/cargo:$PATH
# Pictures of the consent window in its states, to be looked at: kept from each run.
export TRIEN_SCREENSHOT_DIR=$PWD/$logs/screenshots
mkdir -p "$logs"
rm -rf "$logs"/*.log "$logs"/*.status "$TRIEN_SCREENSHOT_DIR"
mkdir -p "$TRIEN_SCREENSHOT_DIR"
passed=0 failed=0 skipped=0 broken=()

# One step: its output on the screen and in a log, its time, and whether it held.
step() {
    local name=$1 status started=$SECONDS
    shift
    printf '\n== %s\n' "$name"
    "$@" </dev/null 2>&1 | tee "$logs/$name.log"
    status=${PIPESTATUS[0]}
    printf '== %s: %s, %d s\n' "$name" "$([ "$status" -eq 0 ] && echo ok || echo "FAILED ($status)")" $((SECONDS - started))
    [ "$status" -eq 0 ] || broken+=("$name")
    return 0
}

# The number before a word in the runner's last summary line; 0 when it is not there.
number() { grep -aoE "$2" "$logs/$1.log" 2>/dev/null | tail -1 | grep -oE '[0-9]+' | tail -1 || true; }

count() { # log passed-pattern failed-pattern skipped-pattern
    local p f s
    p=$(number "$1" "$2") f=$(number "$1" "$3") s=$(number "$1" "$4")
    passed=$((passed + ${p:-0})) failed=$((failed + ${f:-0})) skipped=$((skipped + ${s:-0}))
}

count_node() { count "$1" '^(# |ℹ )pass [0-9]+' '^(# |ℹ )fail [0-9]+' '^(# |ℹ )skipped [0-9]+'; }

# A step without a runner of its own counts as one test.
single() {
    local before=${#broken[@]}
    step "$@"
    if [ ${#broken[@]} -eq "$before" ]; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
}

# Workspaces that no step builds, or not every time, keep lock files of their own: one that does not fit any more fails here.
dependencies() {
    local lock status=0
    cargo deny --log-level error check licenses bans sources || status=1
    while read -r lock; do
        cargo tree --quiet --locked --manifest-path "${lock%.lock}.toml" >/dev/null || status=1
    done < <(git ls-files '*/Cargo.lock')
    return "$status"
}

# The archive that would be published. A build of it shares nothing with the workspace's, which has other features and
# profiles; so it is seen here that whatever the crate's own build and its unit tests read is in it.
package() {
    local crate=daemon/signatures made=${CARGO_TARGET_DIR:-target}/debug/deps archive=(--quiet --offline --allow-dirty --package trien-signatures)
    cargo package --no-verify "${archive[@]}" || return
    sed -n "s|^\($crate/.*\):\$|\1|p" "$made"/trien_signatures-*.d | sort -u | while read -r file; do
        # A build of some time ago has read what is there no more.
        if [ -e "$file" ]; then realpath --relative-to="$crate" "$file"; fi
    done | sort -u >"$logs/package-read.txt"
    cargo package --list "${archive[@]}" | sort -u >"$logs/package-listed.txt"
    comm -23 "$logs/package-read.txt" "$logs/package-listed.txt" >"$logs/package-missing.txt"
    sed 's/^/not in the archive: /' "$logs/package-missing.txt"
    [ -s "$logs/package-read.txt" ] && [ ! -s "$logs/package-missing.txt" ]
}

# That the signatures' crate looks at no clock, file or network is held by its lints (daemon/signatures/clippy.toml). All of
# the workspace, so that the dependencies have the features they are built with; tests and examples are for `make check`.
lints() { cargo clippy --quiet --locked --workspace --lib --bins -- -D warnings; }

protocol_drift() {
    make -s protocol && git diff --exit-code -- extension-host/sdk/src/protocol.ts daemon/protocol/schema daemon/signatures/schema
}

clean_tree() {
    git status --porcelain --untracked-files=all | tee "$logs/clean-tree.txt"
    [ ! -s "$logs/clean-tree.txt" ]
}

# Browsers wait more than they compute: their tests run beside those in Rust, and are shown after them.
browser_tests() { # the files run one after the other and share one token
    local template status
    template=$(mktemp -d)
    (cd extension-host && TRIEN_STAGE_TEMPLATE=$template timeout 2700 node --test --test-concurrency=1 tests/browser/*.test.mjs)
    status=$?
    rm -rf "$template"
    echo "$status" >"$logs/browser.status"
}
browser_outcome() {
    cat "$logs/browser-beside.log"
    return "$(cat "$logs/browser.status" || echo 1)"
}
# A test that never ends is named by the runner, and the others are run.
node_tests() { (cd extension-host && timeout 900 node --test --test-timeout=240000 sdk/tests/*.test.mjs webextension/tests/*.test.mjs); }
typescript() { (cd extension-host && npm run --silent check); }
judges() { target/judges/bin/python -B daemon/tests/judges/test_judges.py -v; }
demo() { BIN=${CARGO_TARGET_DIR:-target}/debug OUT=target/demo-test testdata/demo.sh; }

before=$(git status --porcelain --untracked-files=all 2>/dev/null)

single format cargo fmt --all --check
single dependencies dependencies
single package package
single protocol-drift protocol_drift
single typescript typescript
single front-page cargo test --locked --workspace --doc
step judges judges
ran=$(number judges 'Ran [0-9]+ tests?')
wrong=$(($(grep -aoE '^FAILED \(.*' "$logs/judges.log" | grep -oE '[0-9]+' | paste -sd+ | sed 's/^$/0/')))
passed=$((passed + ${ran:-0} - wrong)) failed=$((failed + wrong))
browser_tests </dev/null >"$logs/browser-beside.log" 2>&1 &
browsers=$!
step rust cargo nextest run --workspace --locked --profile "$profile"
count rust 'tests run: [0-9]+ passed' 'passed( \([^)]*\))?, [0-9]+ failed' '[0-9]+ skipped'
late=$(number rust ', [0-9]+ timed out')
failed=$((failed + ${late:-0}))
step node node_tests
count_node node
# While browsers wait.
single lints lints
# By the shell that started them: their number may be another process's by now.
wait "$browsers"
step browser browser_outcome
count_node browser
single demo demo
# A test that writes into the tree is a test that depends on who ran before it. Work in progress is not its fault.
if [ -z "$before" ]; then single clean-tree clean_tree; fi

# A build server may keep no more than the end of what was printed: the names of what failed belong there.
names_of_failures() {
    sed -n '/^ *Summary \[/,$p' "$logs/rust.log" | grep -aE '^ +[A-Z0-9-]+ .*\[ *[0-9.]+s\]' | grep -avE '^ +(Summary|PASS|SLOW|SKIP|FLAKY) ' | sort -u
    grep -ahE '^ *not ok |^ *✖ ' "$logs/node.log" "$logs/browser.log"
    grep -aE '^(FAIL|ERROR): ' "$logs/judges.log"
}

if [ ${#broken[@]} -gt 0 ]; then
    printf '\n'
    names_of_failures 2>/dev/null | cut -c -160 | head -40
    printf '\nfailed steps: %s   (logs: %s)\n' "${broken[*]}" "$logs"
    [ "$failed" -gt 0 ] || failed=${#broken[@]}
fi
printf '\n%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
[ ${#broken[@]} -eq 0 ] && [ "$failed" -eq 0 ]
