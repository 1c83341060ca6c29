#!/usr/bin/env bash
# Makes PDF documents with software of others, so that we are tested on files that we did not write.
#
#   make.sh OUT          PYTHON names an interpreter that has the packages of requirements.txt
#
# Writes OUT/NAME.pdf and OUT/MANIFEST.tsv: file, producer, and what signing it must give: `sign`, or the code of
# the error. Some files come from the test data of Python packages (see foreign.tsv); the rest are made here.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "${1:?usage: make.sh OUT}"
out=$(cd "$1" && pwd)
python=${PYTHON:-python3}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
dossier=$here/dossier.pdf
: > "$out/MANIFEST.tsv"
printf 'documents made by other software:'

# add NAME PRODUCER EXPECTED: takes $work/NAME.pdf over; a producer that made nothing is an error.
add() {
    [ -s "$1.pdf" ] || { echo >&2; echo "make.sh: $2 made no $1.pdf" >&2; exit 1; }
    mv "$1.pdf" "$out/$1.pdf"
    printf '%s\t%s\t%s\n' "$1.pdf" "$2" "$3" >> "$out/MANIFEST.tsv"
    printf ' %s' "$1"
}
quiet() { "$@" >"$work/log" 2>&1 || { cat "$work/log" >&2; echo "make.sh: failed: $*" >&2; exit 1; }; }

office() { # name source filter
    quiet soffice "-env:UserInstallation=file://$work/office" --headless --convert-to "$3" --outdir "$work/made" "$2"
    mv "$work/made/"*.pdf "$1.pdf"
}
pdf_filter() { echo "pdf:writer_pdf_Export:{$1}"; }

office writer "$here/dossier.fodt" pdf;                                            add writer "LibreOffice Writer" sign
office writer_pdfa1 "$here/dossier.fodt" "$(pdf_filter '"SelectPdfVersion":{"type":"long","value":"1"}')"
add writer_pdfa1 "LibreOffice, PDF/A-1b" sign
office writer_pdfa2 "$here/dossier.fodt" "$(pdf_filter '"SelectPdfVersion":{"type":"long","value":"2"}')"
add writer_pdfa2 "LibreOffice, PDF/A-2b" sign
office writer_tagged "$here/dossier.fodt" "$(pdf_filter '"PDFUACompliance":{"type":"boolean","value":"true"}')"
add writer_tagged "LibreOffice, PDF/UA" sign
office writer_password "$here/dossier.fodt" \
    "$(pdf_filter '"EncryptFile":{"type":"boolean","value":"true"},"DocumentOpenPassword":{"type":"string","value":"mật khẩu"}')"
add writer_password "LibreOffice, with a password" document_encrypted
office calc "$here/fees.csv" pdf;                                                  add calc "LibreOffice Calc" sign

quiet chromium --headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking \
    --disable-component-update --disable-sync --user-data-dir="$work/chromium" --no-pdf-header-footer \
    --print-to-pdf="$work/chromium.pdf" "file://$here/receipt.html"
add chromium "Chromium (Skia)" sign

cat > article.tex <<'TEX'
\documentclass{article}
\begin{document}
\title{Thu tuc hanh chinh}\author{TeX}\maketitle
\section{Ho so} $a^2+b^2=c^2$ \newpage \section{Ket qua} Trang hai.
\end{document}
TEX
quiet pdflatex -interaction=batchmode article.tex; mv article.pdf pdflatex.pdf;    add pdflatex "pdfTeX" sign
quiet pdflatex -interaction=batchmode '\pdfminorversion=4\pdfobjcompresslevel=0\input{article}'
mv article.pdf pdftex14.pdf;                                                       add pdftex14 "pdfTeX, PDF 1.4" sign
quiet latex -interaction=batchmode article.tex
quiet dvipdfmx -o dvipdfmx.pdf article.dvi;                                        add dvipdfmx "dvipdfmx" sign
quiet dvips -q -o article.ps article.dvi

printf '.TL\nThu tuc hanh chinh\n.NH\nHo so\n.PP\nMot van ban cua groff.\n' > page.ms
groff -ms -Tpdf page.ms > groff.pdf 2>/dev/null;                                   add groff "groff (gropdf)" sign
groff -ms -Tps page.ms > page.ps 2>/dev/null

for level in 1.3 1.4 1.7; do
    name=gs_${level/./}
    quiet gs -q -dBATCH -dNOPAUSE -sDEVICE=pdfwrite -dCompatibilityLevel=$level -o "$name.pdf" page.ps
    add "$name" "Ghostscript, PDF $level" sign
done
quiet gs -q -dBATCH -dNOPAUSE -sDEVICE=pdfwrite -o gs_tex.pdf article.ps;          add gs_tex "Ghostscript from dvips" sign
quiet gs -q -dBATCH -dNOPAUSE -sDEVICE=pdfwrite -o gs_again.pdf "$dossier";        add gs_again "Ghostscript from a PDF" sign
quiet gs -q -dBATCH -dNOPAUSE -sDEVICE=pdfimage24 -r100 -o scan_colour.pdf "$dossier"
add scan_colour "Ghostscript, a page as one colour picture" sign
quiet gs -q -dBATCH -dNOPAUSE -sDEVICE=pdfimage8 -r100 -o scan_grey.pdf "$dossier"
add scan_grey "Ghostscript, a page as one grey picture" sign

quiet pdftocairo -pdf "$dossier" poppler_cairo.pdf;                                add poppler_cairo "poppler (cairo)" sign
quiet pdfunite "$dossier" "$out/pdflatex.pdf" poppler_union.pdf;                   add poppler_union "poppler, two files joined" sign
quiet pdfseparate -f 2 -l 2 "$out/pdflatex.pdf" poppler_page.pdf;                  add poppler_page "poppler, one page taken out" sign

printf '%%%%MediaBox 0 0 595 842\n%%%%Font F Helvetica\nBT /F 18 Tf 72 700 Td (mutool) Tj ET\n' > page.txt
quiet mutool create -o mutool_create.pdf page.txt;                                 add mutool_create "MuPDF" sign
quiet mutool clean -gggg -z "$dossier" mutool_clean.pdf;                           add mutool_clean "MuPDF, cleaned" sign

quiet qpdf --linearize "$dossier" qpdf_linear.pdf;                                 add qpdf_linear "qpdf, linearised" sign
quiet qpdf --object-streams=generate "$dossier" qpdf_objstm.pdf;                   add qpdf_objstm "qpdf, object streams" sign
quiet qpdf --object-streams=generate --linearize "$dossier" qpdf_linear_objstm.pdf
add qpdf_linear_objstm "qpdf, linearised with object streams" sign
quiet qpdf --object-streams=disable --min-version=1.3 "$dossier" qpdf_table.pdf;   add qpdf_table "qpdf, cross-reference table" sign
quiet qpdf --qdf "$dossier" qpdf_qdf.pdf;                                          add qpdf_qdf "qpdf, QDF" sign
quiet qpdf --encrypt user owner 256 -- "$dossier" encrypted_aes256.pdf
add encrypted_aes256 "qpdf, AES-256, password to open" document_encrypted
quiet qpdf --encrypt "" owner 256 --modify=none -- "$dossier" encrypted_owner.pdf
add encrypted_owner "qpdf, AES-256, opens without a password" document_encrypted
quiet qpdf --allow-weak-crypto --encrypt "" owner 128 --use-aes=n -- "$dossier" encrypted_rc4.pdf
add encrypted_rc4 "qpdf, RC4-128, opens without a password" document_encrypted

pdftoppm -r 100 -jpeg -singlefile "$dossier" page
pdftoppm -r 200 -mono -singlefile "$dossier" page
"$here/../pki/generate.sh" "$work/pki"
"$here/../pki/leaves.sh" "$work/pki" citizen official
cp "$work/pki/root.pem" "$out/root.pem"
"$python" -B "$here/produce.py" "$here" "$work" > produced.tsv
while IFS=$'\t' read -r name producer expected; do add "$name" "$producer" "$expected"; done < produced.tsv

# Files that came with the tests of two packages. `pip download` checks what it fetches against the version. Only the
# packages themselves come as source: with `:all:` pip would build their build tools, CMake among them, from source.
readarray -t packages < <(cut -f1 "$here/foreign.tsv" | sort -u)
sources=$(printf '%s,' "${packages[@]%%==*}")
quiet "$python" -m pip download --disable-pip-version-check --no-deps --no-binary "${sources%,}" -d "$work/packages" \
    "${packages[@]}"
while IFS=$'\t' read -r package path name producer expected; do
    archive=$work/packages/${package/==/-}.tar.gz
    tar -xzOf "$archive" "${package/==/-}/$path" > "$name.pdf"
    add "$name" "$producer" "$expected"
done < "$here/foreign.tsv"

# Some hundred more, by settings and by the tests of packages, whose archives are here already but for two.
for package in pyHanko signxml; do
    quiet "$python" -m pip download --disable-pip-version-check --no-deps --no-binary "$package" -d "$work/packages" \
        "$("$python" -m pip freeze | grep -i "^$package==")"
done
quiet "$python" -B "$here/corpus.py" "$out" "$work/packages"
"$python" -B "$here/samples.py" "$out" "$work/packages"

printf '\n%d documents in %s\n' "$(wc -l < "$out/MANIFEST.tsv")" "$out"
