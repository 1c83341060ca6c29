#!/usr/bin/env bash
# Installs the system packages that are missing, and says which.
#
#   packages.sh demo      to build Triện and run the demo
#   packages.sh bench     what ours is measured beside: other software tokens, xmlsec1, cards and their drivers
#   packages.sh sanitize  to run the software token's tests under the address sanitizer
#   packages.sh test      what the demo and the tests need: browsers, a screen, the judges, makers of documents
#
# Each line of the lists says what shows that it is there, and the package that brings it. What is there already,
# from wherever it came, is left alone.
set -euo pipefail

demo='
command:cc          build-essential
command:make        make
command:pkg-config  pkg-config
pc:gtk4             libgtk-4-dev
pc:libpcsclite      libpcsclite-dev
command:node        nodejs
command:npm         npm
command:openssl     openssl
command:pdfsig      poppler-utils
command:chromium    chromium
package:fonts-noto-core fonts-noto-core
'
bench='
command:cc           build-essential
command:pkg-config   pkg-config
command:pkcs11-tool  opensc
command:softhsm2-util softhsm2
command:certutil     libnss3-tools
command:strace       strace
pc:libcrypto         libssl-dev
pc:sqlite3           libsqlite3-dev
package:libclang-dev libclang-dev
command:xmlsec1      xmlsec1
file:/usr/bin/time   time
file:/usr/sbin/pcscd pcscd
package:opensc-pkcs11 opensc-pkcs11
package:ykcs11       ykcs11
pc:libpcsclite       libpcsclite-dev
pc:libcacard         libcacard-dev
pc:nss               libnss3-dev
python:ensurepip     python3-venv
'
sanitize='
command:cc          build-essential
command:clang       clang
command:openssl     openssl
'
test='
command:git         git
command:firefox-esr firefox-esr
command:Xvfb        xvfb
command:xkbcomp     x11-xkb-utils
command:xauth       xauth
command:openbox     openbox
command:xdotool     xdotool
command:import      imagemagick
command:xwininfo    x11-utils
command:certutil    libnss3-tools
command:pkcs11-tool opensc
command:softhsm2-util softhsm2
command:p11tool     gnutls-bin
command:p11-kit     p11-kit
package:p11-kit-modules p11-kit-modules
command:jarsigner   default-jdk-headless
package:libpdfbox2-java libpdfbox2-java
package:libactivation-java libactivation-java
package:libjaxb-api-java libjaxb-api-java
command:valgrind    valgrind
package:libc6-dbg   libc6-dbg
command:dbus-daemon dbus-daemon
command:systemd-analyze systemd
package:gir1.2-atspi-2.0 gir1.2-atspi-2.0
package:at-spi2-core at-spi2-core
package:python3-gi  python3-gi
command:ssh-agent   openssh-client
file:/usr/sbin/sshd openssh-server
package:libengine-pkcs11-openssl libengine-pkcs11-openssl
command:osslsigncode osslsigncode
command:sbsign      sbsigntool
file:/usr/sbin/nginx nginx-light
command:curl        curl
command:stunnel4    stunnel4
file:/usr/sbin/openvpn openvpn
file:/usr/sbin/pcscd pcscd
package:opensc-pkcs11 opensc-pkcs11
command:yubico-piv-tool yubico-piv-tool
file:/usr/lib/gnupg/scdaemon scdaemon
package:ykcs11      ykcs11
package:libclang-dev libclang-dev
pc:libcacard        libcacard-dev
pc:nss              libnss3-dev
command:swtpm       swtpm
command:tpm2_flushcontext tpm2-tools
package:libtpm2-pkcs11-1 libtpm2-pkcs11-1
file:/usr/sbin/pkcsslotd opencryptoki
command:qpdf        qpdf
command:xmlsec1     xmlsec1
command:mutool      mupdf-tools
command:gs          ghostscript
package:groff       groff
command:soffice     libreoffice-writer-nogui
package:libreoffice-calc|libreoffice-calc-nogui libreoffice-calc-nogui
command:pdflatex    texlive-latex-base
python:ensurepip    python3-venv
package:python3-dev  python3-dev
command:swig        swig
command:go          golang-go
package:golang-github-thalesignite-crypto11-dev golang-github-thalesignite-crypto11-dev
package:golang-github-stretchr-testify-dev golang-github-stretchr-testify-dev
'

case ${1:-} in
    demo) wanted=$demo ;;
    bench) wanted=$bench ;;
    sanitize) wanted=$sanitize ;;
    test) wanted=$demo$test ;;
    *) echo "usage: packages.sh demo|bench|sanitize|test" >&2; exit 2 ;;
esac

installed() { dpkg-query -W -f='${Status}\n' "$1" 2>/dev/null | grep -q '^install ok installed$'; }

there() {
    local kind=${1%%:*} name=${1#*:} each
    case $kind in
        command) command -v "$name" >/dev/null ;;
        pc) pkg-config --exists "$name" 2>/dev/null ;;
        file) [ -e "$name" ] ;;
        python) python3 -c "import $name" 2>/dev/null ;;
        package) for each in ${name//|/ }; do installed "$each" && return; done; return 1 ;;
    esac
}

missing=()
while read -r proof package; do
    [ -z "$proof" ] || there "$proof" || missing+=("$package")
done <<< "$wanted"
[ ${#missing[@]} -gt 0 ] || exit 0

echo "installing / đang cài: ${missing[*]}"
root=()
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || {
        echo "These packages are missing; install them as root: apt-get install ${missing[*]}" >&2
        exit 3
    }
    root=(sudo)
fi
export DEBIAN_FRONTEND=noninteractive
"${root[@]}" apt-get update -qq
# Some of the packages bring daemons (sshd, nginx, stunnel, OpenVPN). The tests start their own on loopback; while we
# install, none is started for the machine. Whether one starts with the machine is up to its owner (systemctl disable).
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    trap '"${root[@]}" rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' | "${root[@]}" install -m 755 /dev/stdin "$policy"
fi
"${root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
