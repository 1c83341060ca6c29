#!/usr/bin/env bash
# Makes what no sample of others is of, for the fuzzers to begin from: fuzz-seeds.sh TRIEN OUT. One file a format that we
# write, with the revocation lists and a responder's answer of the demo PKI.
set -euo pipefail
trien=$(readlink -f "${1:?usage: fuzz-seeds.sh TRIEN OUT}")
out=${2:?usage: fuzz-seeds.sh TRIEN OUT}
root=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$out"
out=$(readlink -f "$out")
export TRIEN_HOME=$work/home LC_ALL=C.UTF-8
cd "$work"
(umask 077 && echo 24681357 > pin)
"$root/testdata/pki/generate.sh" pki > /dev/null
pin=(--pin-file pin)
"$trien" token init --label seeds "${pin[@]}" --so-pin-file pin > /dev/null
"$trien" token generate-key --token seeds "${pin[@]}" --algorithm ec:p256 --label k > /dev/null
"$trien" token request --token seeds "${pin[@]}" --key k --subject "C=VN,CN=Seed" --out k.csr > /dev/null
"$root/testdata/pki/issue.sh" pki citizen k.csr k.pem > /dev/null
"$trien" token install --token seeds "${pin[@]}" --cert k.pem > /dev/null

echo 'Đơn đề nghị' > don.txt
echo '{"don": "đề nghị", "so": 15}' > don.json
echo '<don xmlns="urn:x" Id="a"><so>15</so></don>' > don.xml
python3 - <<'PY'
import zipfile
TYPES = "http://schemas.openxmlformats.org/package/2006/content-types"
RELATIONSHIPS = "http://schemas.openxmlformats.org/package/2006/relationships"
DOCUMENT = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"
MAIN = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
WORDS = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
with zipfile.ZipFile("don.docx", "w", zipfile.ZIP_DEFLATED) as file:
    file.writestr("[Content_Types].xml", f'<Types xmlns="{TYPES}"><Default Extension="rels" '
        f'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/word/document.xml" ContentType="{MAIN}"/></Types>')
    file.writestr("_rels/.rels", f'<Relationships xmlns="{RELATIONSHIPS}">'
        f'<Relationship Id="a" Target="word/document.xml" Type="{DOCUMENT}"/></Relationships>')
    file.writestr("word/document.xml", f'<w:document xmlns:w="{WORDS}"><w:body/></w:document>')
PY
sign() { # format input output
    "$trien" sign "$2" --out "$out/$3" --format "$1" --cert k "${pin[@]}" > /dev/null
}
sign asic-e don.txt e.asice
sign asic-s don.txt s.asics
sign asic-e-cades don.txt e-cades.asice
sign asic-s-cades don.txt s-cades.asics
sign ooxml don.docx signed.docx
sign jades don.json compact.jws
sign jades-json don.json json.jws
sign xades don.xml xades.xml
sign xmldsig don.xml xmldsig.xml
sign cades don.txt attached.p7m
sign pades "$root/testdata/documents/dossier.pdf" signed.pdf
cp pki/*.crl "$out/"
openssl x509 -in k.pem -outform der -out "$out/leaf.der"
openssl ocsp -index pki/private/ca.index -rsigner pki/ca.pem -rkey pki/private/ca.key -CA pki/ca.pem \
    -issuer pki/ca.pem -cert k.pem -respout "$out/good.ocsp" > /dev/null 2>&1
