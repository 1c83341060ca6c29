#!/usr/bin/env python3
"""The Python half of make.sh: documents by libraries of others, one function each.

    produce.py SOURCES WORK

WORK holds page.jpg, page.pbm (a scanned page) and pki/. Writes WORK/NAME.pdf and, to stdout, lines of
NAME, producer and expectation, as in MANIFEST.tsv.
"""

import io
import pathlib
import sys

FONT = "/usr/share/fonts/truetype/noto/NotoSerif-Regular.ttf"
TEXT = ["ỦY BAN NHÂN DÂN PHƯỜNG TRÌNH DIỄN", "Giấy biên nhận hồ sơ", "Người nộp: Nguyễn Văn An", "Đã nhận đủ giấy tờ."]


def reportlab_text(sources, work, target):
    """ReportLab"""
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFont
    from reportlab.pdfgen.canvas import Canvas

    pdfmetrics.registerFont(TTFont("Noto", FONT))
    canvas = Canvas(str(target))
    canvas.setFont("Noto", 14)
    for row, line in enumerate(TEXT):
        canvas.drawString(72, 760 - 24 * row, line)
    canvas.showPage()
    canvas.save()


def reportlab_form(sources, work, target):
    """ReportLab, with form fields"""
    from reportlab.pdfgen.canvas import Canvas

    canvas = Canvas(str(target))
    canvas.acroForm.textfield(name="ho_ten", x=72, y=700, width=200)
    canvas.acroForm.checkbox(name="dong_y", x=72, y=660, checked=True)
    canvas.acroForm.choice(name="phuong", x=72, y=620, width=200, options=["A", "B"], value="A")
    canvas.showPage()
    canvas.save()


def fpdf2_text(sources, work, target):
    """fpdf2"""
    from fpdf import FPDF

    pdf = FPDF()
    pdf.add_page()
    pdf.add_font("Noto", fname=FONT)
    pdf.set_font("Noto", size=14)
    for line in TEXT:
        pdf.cell(0, 10, line, new_x="LMARGIN", new_y="NEXT")
    pdf.output(str(target))


def weasyprint_page(sources, work, target):
    """WeasyPrint"""
    from weasyprint import HTML

    HTML(sources / "receipt.html").write_pdf(target)


def cairo_drawing(sources, work, target):
    """cairo"""
    import cairocffi

    surface = cairocffi.PDFSurface(str(target), 595, 842)
    context = cairocffi.Context(surface)
    context.select_font_face("Noto Serif")
    context.set_font_size(16)
    for row, line in enumerate(TEXT):
        context.move_to(72, 100 + 28 * row)
        context.show_text(line)
    context.show_page()
    surface.finish()


def typst_page(sources, work, target):
    """Typst"""
    import typst

    source = work / "page.typ"
    source.write_text("= " + TEXT[0] + "\n" + "\n\n".join(TEXT[1:]), encoding="utf-8")
    typst.compile(str(source), output=str(target))


def img2pdf_scan(sources, work, target):
    """img2pdf, a scanned page as JPEG"""
    import img2pdf

    target.write_bytes(img2pdf.convert(str(work / "page.jpg")))


def img2pdf_fax(sources, work, target):
    """img2pdf, a scanned page as CCITT fax"""
    import img2pdf
    from PIL import Image

    fax = io.BytesIO()
    Image.open(work / "page.pbm").convert("1").save(fax, "TIFF", compression="group4")
    target.write_bytes(img2pdf.convert(fax.getvalue()))


def pillow_scan(sources, work, target):
    """Pillow, three scanned pages"""
    from PIL import Image

    page = Image.open(work / "page.jpg")
    page.save(target, "PDF", save_all=True, append_images=[page.rotate(90, expand=True), page.convert("L")])


def pypdf_merged(sources, work, target):
    """pypdf, joined, with an attachment and an outline"""
    from pypdf import PdfWriter

    writer = PdfWriter()
    writer.append(str(sources / "dossier.pdf"))
    writer.append(str(sources / "dossier.pdf"))
    writer.add_attachment("fees.csv", (sources / "fees.csv").read_bytes())
    writer.add_outline_item(title="Đơn đề nghị", page_number=0)
    writer.write(str(target))


def pypdf_incremental(sources, work, target):
    """pypdf, an incremental update"""
    from pypdf import PdfWriter

    writer = PdfWriter(str(sources / "dossier.pdf"), incremental=True)
    writer.add_metadata({"/Subject": "Bản cập nhật"})
    writer.write(str(target))


def pikepdf_rewritten(sources, work, target):
    """pikepdf, rotated, with page labels"""
    import pikepdf

    with pikepdf.open(sources / "dossier.pdf") as pdf:
        pdf.pages[0].rotate(90, relative=False)
        pdf.Root.PageLabels = pikepdf.Dictionary(Nums=[0, pikepdf.Dictionary(S=pikepdf.Name.r)])
        pdf.save(target, object_stream_mode=pikepdf.ObjectStreamMode.generate)


def pdfium_imposed(sources, work, target):
    """PDFium, pages imported"""
    import pypdfium2

    source, made = pypdfium2.PdfDocument(sources / "dossier.pdf"), pypdfium2.PdfDocument.new()
    made.import_pages(source)
    made.new_page(300, 300)
    made.save(target)


def pyhanko_sign(work, leaf, source, field, **metadata):
    """A PAdES signature by pyHanko, as bytes."""
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
    from pyhanko.sign import signers
    from pyhanko.sign.fields import SigSeedSubFilter

    folder = work / "pki" / "leaves" / leaf
    signer = signers.SimpleSigner.load(
        str(folder / "key.pem"), str(folder / "cert.pem"), ca_chain_files=(str(work / "pki" / "ca.pem"),)
    )
    settings = signers.PdfSignatureMetadata(
        field_name=field, subfilter=SigSeedSubFilter.PADES, md_algorithm="sha256", **metadata
    )
    writer = IncrementalPdfFileWriter(io.BytesIO(source))
    return signers.sign_pdf(writer, settings, signer=signer).getvalue()


def signed_once(sources, work, target):
    """pyHanko, signed"""
    target.write_bytes(pyhanko_sign(work, "citizen", (sources / "dossier.pdf").read_bytes(), "NguoiNop"))


def signed_twice(sources, work, target):
    """pyHanko, signed by two"""
    first = pyhanko_sign(work, "citizen", (sources / "dossier.pdf").read_bytes(), "NguoiNop")
    target.write_bytes(pyhanko_sign(work, "official", first, "CanBo"))


def certified_filling(sources, work, target):
    """pyHanko, certified, filling and signing allowed"""
    from pyhanko.sign.fields import MDPPerm

    source = (sources / "dossier.pdf").read_bytes()
    target.write_bytes(
        pyhanko_sign(work, "official", source, "CoQuan", certify=True, docmdp_permissions=MDPPerm.FILL_FORMS)
    )


def certified_final(sources, work, target):
    """pyHanko, certified, no change allowed"""
    from pyhanko.sign.fields import MDPPerm

    source = (sources / "dossier.pdf").read_bytes()
    target.write_bytes(
        pyhanko_sign(work, "official", source, "CoQuan", certify=True, docmdp_permissions=MDPPerm.NO_CHANGES)
    )


def empty_field(sources, work, target):
    """pyHanko, a signature field that waits"""
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
    from pyhanko.sign.fields import SigFieldSpec, append_signature_field

    writer = IncrementalPdfFileWriter(io.BytesIO((sources / "dossier.pdf").read_bytes()))
    append_signature_field(writer, SigFieldSpec("ChoKy", box=(330, 120, 530, 200)))
    with open(target, "wb") as file:
        writer.write(file)


PRODUCERS = [
    reportlab_text, reportlab_form, fpdf2_text, weasyprint_page, cairo_drawing, typst_page, img2pdf_scan, img2pdf_fax,
    pillow_scan, pypdf_merged, pypdf_incremental, pikepdf_rewritten, pdfium_imposed, signed_once, signed_twice,
    certified_filling, certified_final, empty_field,
]
REFUSED = {certified_final: "document_locked"}


def main():
    """Runs every producer."""
    sources, work = map(pathlib.Path, sys.argv[1:])
    for producer in PRODUCERS:
        name = producer.__name__
        producer(sources, work, work / f"{name}.pdf")
        print(name, producer.__doc__, REFUSED.get(producer, "sign"), sep="\t")


if __name__ == "__main__":
    main()
