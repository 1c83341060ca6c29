"""Writes small PDF files by hand, correct unless told otherwise, so that each hostile file has one thing wrong."""

import datetime
import hashlib
import re
import zlib

HEADER = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"
CONTENTS_BYTES = 4096

CATALOG = b"<< /Type /Catalog /Pages 2 0 R >>"
PAGES = b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>"
PAGE = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F 5 0 R >> >> >>"
FONT = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"


def stream(data, entries=b"", length=None):
    """A stream object's body; `length` overrides what /Length says."""
    said = str(len(data)).encode() if length is None else length
    return b"<< /Length " + said + b" " + entries + b" >>\nstream\n" + data + b"\nendstream"


def plain_objects(**replaced):
    """The five objects of a one-page document by number; `o3=…` replaces or adds one, `o3=None` leaves it out."""
    text = stream(b"BT /F 18 Tf 72 760 Td (Ho so) Tj ET")
    objects = {1: CATALOG, 2: PAGES, 3: PAGE, 4: text, 5: FONT}
    objects.update({int(name[1:]): body for name, body in replaced.items()})
    return {number: body for number, body in objects.items() if body is not None}


def body(objects):
    """(bytes from the header on, offset of each object)."""
    out, offsets = bytearray(HEADER), {}
    for number, content in sorted(objects.items()):
        offsets[number] = len(out)
        out += b"%d 0 obj\n" % number + content + b"\nendobj\n"
    return bytes(out), offsets


def table(offsets, size):
    """A cross-reference table from object 0 on."""
    rows = [b"0000000000 65535 f \n"]
    for number in range(1, size):
        rows.append(b"%010d 00000 n \n" % offsets[number] if number in offsets else b"0000000000 00000 f \n")
    return b"xref\n0 %d\n" % size + b"".join(rows)


def document(objects, trailer=b"/Root 1 0 R", size=None, startxref=None, tail=b"%%EOF\n"):
    """A file with a cross-reference table."""
    head, offsets = body(objects)
    count = max(objects) + 1
    end = b"trailer\n<< /Size %d " % (size or count) + trailer + b" >>\nstartxref\n"
    at = str(len(head)).encode() if startxref is None else startxref
    return head + table(offsets, count) + end + at + b"\n" + tail


def stream_document(objects, packed=(), entries=b"", rows=None, widths=b"[1 4 2]", filtered=None, size=None):
    """A file with a cross-reference stream; the objects named in `packed` lie in one object stream.

    `entries` adds to the cross-reference stream's dictionary; `rows` and `filtered` replace its table.
    """
    holder, own = max(objects) + 1, max(objects) + 2
    loose = {number: content for number, content in objects.items() if number not in packed}
    if packed:
        loose[holder] = object_stream([(number, objects[number]) for number in packed])
    head, offsets = body(loose)
    offsets[own] = len(head)
    lines = [b"\x00" + b"\x00" * 4 + b"\xff\xff"]
    for number in range(1, own + 1):
        if number in packed:
            lines.append(b"\x02" + holder.to_bytes(4, "big") + list(packed).index(number).to_bytes(2, "big"))
        elif number in offsets:
            lines.append(b"\x01" + offsets[number].to_bytes(4, "big") + b"\x00\x00")
        else:
            lines.append(b"\x00" * 7)
    data = zlib.compress(b"".join(lines) if rows is None else rows) if filtered is None else filtered
    fields = b"/Type /XRef /W " + widths + b" /Size %d /Root 1 0 R " % (size or own + 1)
    if b"/Filter" not in entries:
        fields += b"/Filter /FlateDecode "
    section = b"%d 0 obj\n" % own + stream(data, fields + entries) + b"\nendobj\n"
    return head + section + b"startxref\n%d\n%%%%EOF\n" % len(head)


def object_stream(members, entries=b"", count=None, compressed=None, filters=b"/FlateDecode",
                  length=None):
    """An object stream's body (ISO 32000-1, 7.5.7); `compressed` replaces its data."""
    index, contents = b"", b""
    for number, content in members:
        index += b"%d %d " % (number, len(contents))
        contents += content + b"\n"
    data = zlib.compress(index + contents) if compressed is None else compressed
    said = len(members) if count is None else count
    return stream(data, b"/Type /ObjStm /N %d /First %d /Filter %s " % (said, len(index), filters) + entries, length)


def update(original, objects, trailer=b"/Root 1 0 R", prev=None):
    """An incremental update (7.5.6) that adds or replaces objects."""
    before = int(re.findall(rb"startxref\s+(\d+)", original)[-1])
    out, rows = bytearray(original), b""
    for number, content in sorted(objects.items()):
        rows += b"%d 1\n%010d 00000 n \n" % (number, len(out))
        out += b"%d 0 obj\n" % number + content + b"\nendobj\n"
    start = len(out)
    size = max([8, *objects]) + 1
    back = before if prev is None else prev
    out += b"xref\n" + (rows or b"0 0\n") + b"trailer\n<< /Size %d /Prev %d " % (size, back) + trailer + b" >>\n"
    out += b"startxref\n%d\n%%%%EOF\n" % start
    return bytes(out)


FIELD = b"<< /Type /Annot /Subtype /Widget /FT /Sig /T (ChuKy) /V 8 0 R /P 3 0 R /Rect [0 0 0 0] /F 132 >>"
SIGNED_CATALOG = b"<< /Type /Catalog /Pages 2 0 R /AcroForm 6 0 R >>"
FORM = b"<< /Fields [7 0 R] /SigFlags 3 >>"
RANGE_PLACE = b"/ByteRange [" + b" " * 60 + b"]"
# A little later than the run, so that the certificate made in it is valid already.
SIGNED_AT = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=1, hours=7)
VALUE = b"<< /Type /Sig /Filter /Adobe.PPKLite /SubFilter /ETSI.CAdES.detached "
VALUE += SIGNED_AT.strftime("/M (D:%Y%m%d%H%M%S+07'00') ").encode()


def signed(sign, replace=(), byte_range=None, contents=None, objects=None):
    """A one-page document with one signature, complete and valid unless told otherwise.

    `sign(digest)` returns a CMS in DER. `replace` holds (old, new) pairs of one length applied before signing.
    `byte_range(start, end, size)` may name other ranges, which are then what is signed; `contents(hex)` may change
    the value that is written; `objects` replaces objects.
    """
    value = VALUE + RANGE_PLACE + b" /Contents <" + b"0" * (2 * CONTENTS_BYTES) + b"> >>"
    page = PAGE.replace(b"/Contents", b"/Annots [7 0 R] /Contents")
    numbered = plain_objects(o1=SIGNED_CATALOG, o3=page, o6=FORM, o7=FIELD, o8=value)
    numbered.update(objects or {})
    file = document(numbered)
    for old, new in replace:
        if len(old) != len(new) or old not in file:
            raise ValueError(f"cannot replace {old!r}")
        file = file.replace(old, new, 1)
    start = file.index(b"/Contents <0000") + len(b"/Contents ")
    end = start + 2 * CONTENTS_BYTES + 2
    ranges = (byte_range or (lambda s, e, n: [0, s, e, n - e]))(start, end, len(file))
    written = b"/ByteRange [" + b" ".join(str(number).encode() for number in ranges) + b"]"
    file = file.replace(RANGE_PLACE, written.ljust(len(RANGE_PLACE)), 1)
    covered = b"".join(file[at : at + length] for at, length in zip(ranges[::2], ranges[1::2]))
    text = sign(hashlib.sha256(covered).digest()).hex().encode().ljust(2 * CONTENTS_BYTES, b"0")
    text = contents(text) if contents else text
    if len(text) != 2 * CONTENTS_BYTES:
        raise ValueError("the value must keep its length")
    return file[: start + 1] + text + file[end - 1 :]
