#!/usr/bin/env bash
# The demo: a citizen signs an application on a portal's page, once over native messaging through the extension and
# once over the WebSocket; the office countersigns at the shell; `trien verify` and poppler judge what came of it.
#
#   BIN=target/release testdata/demo.sh      (`make demo` builds and calls it)
#
#   OUT    where signed files and reports are left     target/demo
#   OPEN   1: opens your browser, asks in the real window, and stays until Ctrl-C
#
# Everything else lies in a throw-away TRIEN_HOME: keys, PIN, permissions, audit log.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
BIN=$(cd "${BIN:?BIN names the folder with the programs}" && pwd)
mkdir -p "${OUT:=$here/../target/demo}"
OUT=$(cd "$OUT" && pwd)
OPEN=${OPEN:-0}

home=$(mktemp -d "${TMPDIR:-/tmp}/trien-demo.XXXXXX")
export TRIEN_HOME=$home
started=()

finish() {
    local status=$? pid
    trap - EXIT INT TERM
    for pid in "${started[@]}"; do kill "$pid" 2>/dev/null || true; done
    for pid in "${started[@]}"; do wait "$pid" 2>/dev/null || true; done
    rm -rf "$home"
    exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

say() { printf '\n\033[1m%s\033[0m\n  %s\n' "$1" "$2"; }
fail() { printf '\n%s\n%s\n' "$1" "$2" >&2; exit 1; }

# What a program prints is shown only when it fails: the demo is a story, not a log.
quiet() { "$@" > "$home/last" 2>&1 || { cat "$home/last" >&2; fail "Lỗi khi chạy / failed: $*" ""; }; }

# background NAME COMMAND…: starts it and waits for the line that begins with "ready".
background() {
    local name=$1 pid tries=0
    shift
    : > "$home/$name.log"
    "$@" > "$home/$name.log" 2> "$home/$name.err" < /dev/null &
    pid=$!
    started+=("$pid")
    until grep -q '^ready' "$home/$name.log"; do
        tries=$((tries + 1))
        if [ "$tries" -gt 300 ] || ! kill -0 "$pid" 2>/dev/null; then
            cat "$home/$name.log" "$home/$name.err" >&2
            fail "$name không khởi động được" "$name did not start"
        fi
        sleep 0.1
    done
}

# Below those ports that the system gives away by itself: the portal, which takes one of these, is started before the daemon.
free_port() {
    node -e 'const s = require("net").createServer().on("error", () => look()).on("listening", () => { console.log(s.address().port); s.close(); });
        const look = () => s.listen(20000 + Math.floor(Math.random() * 12000), "127.0.0.1"); look();'
}

# enrol LABEL ALGORITHM PROFILE SUBJECT: key on the token, request, certificate back onto the token.
enrol() {
    quiet trien token generate-key --token "$token" --algorithm "$2" --label "$1" --pin-file "$home/pin"
    quiet trien token request --token "$token" --key "$1" --subject "$4" --out "$home/$1.csr" --pin-file "$home/pin"
    quiet "$here/pki/issue.sh" "$home/pki" "$3" "$home/$1.csr" "$home/$1.pem"
    quiet trien token install --token "$token" --cert "$home/$1.pem" --pin-file "$home/pin"
    printf '  %-8s %-9s %s\n' "$1" "$2" "$(openssl x509 -in "$home/$1.pem" -noout -subject -nameopt utf8,sep_comma_plus | sed 's/^subject=//')"
}

trien() { "$BIN/trien" "$@"; }

if [ "$OPEN" = 1 ] && [ -z "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ]; then
    fail "OPEN=1 cần màn hình (DISPLAY)." "OPEN=1 needs a display."
fi

token="Trien Demo"
umask 077
printf '%06d\n' $((RANDOM * 32768 + RANDOM)) | tail -c 7 > "$home/pin"
printf '%06d\n' $((RANDOM * 32768 + RANDOM)) | tail -c 7 > "$home/so-pin"

say "1. Hạ tầng khóa công khai trình diễn" "A demo PKI: root, issuing authority, CRL"
quiet "$here/pki/generate.sh" "$home/pki"
mkdir -p "$home/config/trust"
cp "$home/pki/root.pem" "$home/pki/ca.pem" "$home/config/trust/"

say "2. Thiết bị ký bằng phần mềm, ba khóa, ba chứng thư" "A software token through our own PKCS #11 module, three keys, three certificates"
quiet trien token init --label "$token" --pin-file "$home/pin" --so-pin-file "$home/so-pin"
# In the order of the encoding, as the public authorities write subjects.
place="C=VN,ST=Thành phố Hồ Chí Minh,L=Phường Trình Diễn"
office="O=Ủy ban nhân dân phường Trình Diễn"
enrol citizen rsa:2048 citizen "$place,CN=NGUYỄN VĂN AN,UID=CCCD:079085000123"
enrol official ec:p256 official "$place,$office,OU=Bộ phận Một cửa,title=Chuyên viên,CN=TRẦN THỊ BÌNH,UID=CCCD:079190000456"
enrol agency rsa:3072 agency "$place,$office,CN=ỦY BAN NHÂN DÂN PHƯỜNG TRÌNH DIỄN,UID=MST:0301234567"

say "3. Cổng dịch vụ công và dịch vụ Triện" "The portal and the daemon"
port=$(free_port)
printf 'developer = true   # the portal is http on this computer\n\n[websocket]\nport = %d\n' "$port" > "$home/config/config.toml"
background portal node "$here/portal/server.mjs" --trien "$BIN/trien" --trust "$home/config/trust" --out "$OUT" \
    --dossier "$here/documents/dossier.pdf" --websocket-port "$port"
url=$(sed -n 's/^ready //p' "$home/portal.log")
origin=${url%/}
quiet trien origin allow "$origin"
prompter=()
if [ "$OPEN" != 1 ]; then
    printf '[[answer]]\ndecision = "approve"\ncertificate = "NGUYỄN VĂN AN"\npin_file = "%s"\norigin = "%s"\nrepeat = true\n' \
        "$home/pin" "$origin" > "$home/answers.toml"
    prompter=(--prompter "scripted:$home/answers.toml")
fi
background daemon "$BIN/trien" daemon "${prompter[@]}"
printf '  %s\n' "$origin" "$(grep '^ready' "$home/daemon.log")"

if [ "$OPEN" = 1 ]; then
    say "4. Trình duyệt của bạn" "Your browser"
    printf '  Mã PIN của thiết bị trình diễn / PIN of the demo token: %s\n' "$(cat "$home/pin")"
    printf '  Trang / page: %s\n' "$url"
    printf '  Có tiện ích mở rộng / with the extension, in a profile of its own:\n'
    printf '    TRIEN_HOME=%s %s/trien-extension-host install --browser chromium --user-data-dir %s/chromium\n' "$home" "$BIN" "$home"
    printf '    TRIEN_HOME=%s chromium --user-data-dir=%s/chromium --load-extension=%s %s\n' \
        "$home" "$home" "$(cd "$here/../extension-host/webextension/dist/chromium" && pwd)" "$url"
    printf '  Tệp đã ký / signed files: %s\n  Ctrl-C để dừng / to stop\n' "$OUT"
    xdg-open "$url" >/dev/null 2>&1 || printf '  (xdg-open: mở trang bằng tay / open the page by hand)\n'
    trap 'exit 0' INT
    wait "${started[@]}"
    exit 0
fi

say "4. Công dân ký trên trang, hai đường" "The citizen signs on the page, over both roads, in headless Chromium"
node "$here/portal/sign-in-browser.mjs" --portal "$url" --binaries "$BIN" --browser chromium > "$OUT/browser.json" \
    || { cat "$OUT/browser.json" "$home/daemon.err" >&2; fail "Ký trên trang không thành công." "Signing on the page failed."; }
signed=()
for road in extension websocket; do
    file=$OUT/dossier.$road.signed.pdf
    [ -s "$file" ] || fail "Không có $file" "The portal did not receive $file"
    signed+=("$file")
    printf '  %-10s %s\n' "$road" "$file"
done

say "5. Cán bộ và cơ quan ký tiếp, từ dòng lệnh" "The official and the agency countersign, at the shell"
quiet trien sign "${signed[0]}" --out "$home/official.pdf" --format pades --level b --cert "TRẦN THỊ BÌNH" --pin-file "$home/pin"
quiet trien sign "$home/official.pdf" --out "$OUT/dossier.countersigned.pdf" --format pades --level b \
    --cert "MST:0301234567" --pin-file "$home/pin"
signed+=("$OUT/dossier.countersigned.pdf")
printf '  %s\n' "$OUT/dossier.countersigned.pdf"

say "6. Kiểm tra" "Verification, by trien and by poppler"
original=$here/documents/dossier.pdf
for file in "${signed[@]}"; do
    cmp -s -n "$(stat -c %s "$original")" "$original" "$file" || fail "Bản gốc bị thay đổi: $file" "The original bytes changed"
    report=${file%.pdf}.report
    trien verify "$file" --trust "$home/config/trust" --html "$report.html" > "$report.txt" \
        || { cat "$report.txt" >&2; fail "Chữ ký không hợp lệ: $file" "A signature is not valid"; }
    printf '\n  --- %s\n' "${file##*/}"
    sed 's/^/  /' "$report.txt"
    HOME=$home pdfsig -nocert "$file" > "$report.pdfsig.txt" 2>/dev/null \
        || fail "pdfsig từ chối: $file" "poppler rejects the file"
    if grep 'Signature Validation' "$report.pdfsig.txt" | grep -qv 'Signature is Valid'; then
        fail "pdfsig từ chối: $file" "poppler rejects a signature"
    fi
    grep -E 'Signature Validation|otal document signed' "$report.pdfsig.txt" | sed 's/^ *- /  pdfsig: /'
done
trien audit verify | sed 's/^/  /'
cp "$home/data/audit.jsonl" "$OUT/audit.jsonl"

say "Xong. Tệp đã ký và báo cáo:" "Done. Signed files and their reports:"
printf '  %s\n' "$OUT"/*
printf '\n  Tự mở cổng trong trình duyệt của bạn / to open the portal by hand, in your own browser:\n    make demo OPEN=1\n'
