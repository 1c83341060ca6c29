"""Files whose structure is broken or meant to exhaust a reader: (name, bytes, signing, verifying, what is wrong)."""

import zlib

from pdf_builder import (
    CATALOG, HEADER, PAGE, body, document, object_stream, plain_objects, stream, stream_document, update,
)

UNREADABLE = "document_unreadable"
GOOD = document(plain_objects())
TWICE = b"[/FlateDecode /FlateDecode]"
XREF = GOOD.index(b"xref\n0")


def bad(name, data, wrong, signing=UNREADABLE, verifying=UNREADABLE):
    """A file that nobody can read."""
    return (name, data, signing, verifying, wrong)


def bomb(megabytes):
    """Zeros that a small stream unfolds into, compressed twice."""
    packer = zlib.compressobj(9)
    parts = [packer.compress(bytes(1 << 20)) for _ in range(megabytes)]
    return zlib.compress(b"".join(parts) + packer.flush(), 9)


def two_sections_in_a_circle():
    """The update's /Prev names the first section, whose /Prev names the update's."""
    first = document(plain_objects(), trailer=b"/Root 1 0 R /Prev 0000000000")
    second = update(first, {4: stream(b"BT ET")})
    at = int(second.rsplit(b"startxref\n", 1)[1].split()[0])
    return second.replace(b"/Prev 0000000000", b"/Prev %010d" % at)


def self_prev():
    """One section whose /Prev names itself."""
    return document(plain_objects(), trailer=b"/Root 1 0 R /Prev %d" % XREF)


NOT_DOCUMENTS = [
    ("control_plain", GOOD, "sign", "none", "nothing: the plain document that the others are made from"),
    ("control_streams", stream_document(plain_objects(), packed=(2, 3, 5)), "sign", "none",
     "nothing: cross-reference stream and object stream"),
    bad("empty", b"", "no byte at all"),
    bad("header_only", HEADER, "a header and nothing else"),
    bad("not_pdf_text", "Đơn đề nghị\n".encode() * 40, "text"),
    bad("not_pdf_zip", b"PK\x03\x04\x14\x00" + bytes(200), "the head of a ZIP file"),
    bad("not_pdf_zeros", bytes(4096), "zeros"),
    bad("leading_bytes", b"MZ" + bytes(2000) + GOOD, "2 KB stand before the header"),
    bad("trailing_bytes", GOOD + b"\x7fELF" + bytes(1500), "1.5 KB stand after the end",
        verifying=f"{UNREADABLE}|none"),
]

TRUNCATED = [
    bad("truncated_in_header", GOOD[:6], "cut in the header"),
    bad("truncated_half", GOOD[: len(GOOD) // 2], "cut in the middle"),
    bad("truncated_before_xref", GOOD[:XREF], "cut before the cross-reference table"),
    bad("truncated_in_xref", GOOD[: XREF + 70], "cut in the cross-reference table"),
    bad("truncated_in_trailer", GOOD[: GOOD.index(b"/Root")], "cut in the trailer"),
    bad("truncated_in_startxref", GOOD[: GOOD.rindex(b"startxref") + 5], "cut in the word startxref"),
    bad("truncated_no_offset", GOOD[: GOOD.rindex(b"startxref") + 10], "startxref without a number"),
]

CROSS_REFERENCES = [
    bad("startxref_zero", document(plain_objects(), startxref=b"0"), "startxref 0"),
    bad("startxref_past_end", document(plain_objects(), startxref=b"99999999"), "startxref past the end"),
    bad("startxref_negative", document(plain_objects(), startxref=b"-17"), "negative startxref"),
    bad("startxref_huge", document(plain_objects(), startxref=b"9" * 40), "startxref of 40 digits"),
    bad("startxref_elsewhere", document(plain_objects(), startxref=b"20"), "startxref into an object"),
    bad("startxref_word", document(plain_objects(), startxref=b"here"), "startxref is no number"),
    bad("xref_loop_self", self_prev(), "/Prev names its own section"),
    bad("xref_loop_two", two_sections_in_a_circle(), "two sections whose /Prev name each other"),
    bad("xref_prev_past_end", document(plain_objects(), trailer=b"/Root 1 0 R /Prev 99999999"), "/Prev past the end"),
    bad("xref_prev_negative", document(plain_objects(), trailer=b"/Root 1 0 R /Prev -1"), "negative /Prev"),
    bad("xref_count_huge", GOOD.replace(b"xref\n0 6", b"xref\n0 99999999"), "99,999,999 rows announced, 6 present"),
    bad("xref_offset_elsewhere", GOOD.replace(b"0000000015 00000 n", b"0000000070 00000 n"),
        "the catalog's offset leads into another object"),
    bad("xref_offset_past_end", GOOD.replace(b"0000000015 00000 n", b"9999999999 00000 n"), "an offset past the end"),
    bad("xref_stream_widths_zero", stream_document(plain_objects(), widths=b"[0 0 0]"), "/W [0 0 0]"),
    bad("xref_stream_widths_huge", stream_document(plain_objects(), widths=b"[1 2147483647 2]"), "a field of 2 GiB"),
    bad("xref_stream_widths_negative", stream_document(plain_objects(), widths=b"[1 -4 2]"),
        "a field of negative width"),
    bad("xref_stream_index_huge", stream_document(plain_objects(), entries=b"/Index [0 2147483647] "),
        "2,147,483,647 rows announced, 8 present"),
    bad("xref_stream_index_negative", stream_document(plain_objects(), entries=b"/Index [-5 7] "),
        "negative first object"),
    bad("xref_stream_filter_unknown",
        stream_document(plain_objects(), entries=b"/Filter /JBIG2Decode ", filtered=bytes(40)), "a filter that no cross-reference has"),
    bad("xref_stream_filters_thousand",
        stream_document(plain_objects(), entries=b"/Filter [" + b"/FlateDecode " * 1000 + b"] "), "a thousand filters"),
    bad("xref_stream_bomb",
        stream_document(plain_objects(), entries=b"/Filter " + TWICE + b" ", filtered=bomb(300)), "300 MiB of zeros as cross-reference",
        signing=f"{UNREADABLE}|too_large", verifying=f"{UNREADABLE}|too_large"),
    bad("hybrid_disagrees", document(plain_objects(o6=stream(
        b"\x01" + (20).to_bytes(4, "big") + b"\x00\x00", b"/Type /XRef /W [1 4 2] /Index [1 1] /Size 7 /Root 1 0 R")),
        trailer=b"/Root 1 0 R /XRefStm %d" % document(plain_objects()).index(b"xref\n0")),
        "table and stream of a hybrid file disagree about the catalog"),
]

TREES = [
    bad("root_missing", document(plain_objects(), trailer=b""), "a trailer without /Root"),
    bad("root_null", document(plain_objects(), trailer=b"/Root null"), "/Root null"),
    bad("root_dangling", document(plain_objects(), trailer=b"/Root 77 0 R"), "/Root names no object"),
    bad("root_number", document(plain_objects(o1=b"42")), "the catalog is a number"),
    bad("root_itself", document(plain_objects(o1=b"1 0 R")), "the catalog is a reference to itself"),
    bad("pages_missing", document(plain_objects(o1=b"<< /Type /Catalog >>")), "a catalog without pages",
        verifying=f"{UNREADABLE}|none"),
    bad("pages_none", document(plain_objects(o2=b"<< /Type /Pages /Kids [] /Count 0 >>")), "no page at all",
        verifying=f"{UNREADABLE}|none"),
    bad("pages_loop_self", document(plain_objects(o2=b"<< /Type /Pages /Kids [2 0 R] /Count 1 >>")),
        "the page tree's root is its own child", verifying=f"{UNREADABLE}|none"),
    bad("pages_loop_two", document(plain_objects(
        o2=b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>", o3=b"<< /Type /Pages /Parent 2 0 R /Kids [2 0 R] /Count 1 >>")),
        "two nodes of the page tree are each other's children", verifying=f"{UNREADABLE}|none"),
    bad("pages_dangling", document(plain_objects(o3=None)), "the only page does not exist",
        verifying=f"{UNREADABLE}|none"),
    bad("deep_arrays", document(plain_objects(
        o1=CATALOG[:-2] + b"/Deep " + b"[" * 10_000 + b"]" * 10_000 + b" >>")), "10,000 arrays in the catalog"),
    bad("deep_dictionaries", document(plain_objects(
        o1=CATALOG[:-2] + b"/Deep " + b"<</A" * 10_000 + b" 1" + b">>" * 10_000 + b" >>")),
        "10,000 dictionaries in the catalog"),
    bad("string_unterminated", document(plain_objects(o1=CATALOG[:-2] + b"/Lang (vi >>")), "a string without an end"),
    bad("dictionary_unterminated", document(plain_objects(o1=CATALOG[:-2])), "a dictionary without an end"),
    bad("encrypted_unknown", document(plain_objects(o6=b"<< /Filter /Secret /V 9 >>"),
        trailer=b"/Root 1 0 R /Encrypt 6 0 R /ID [<00> <00>]"), "an unknown security handler",
        signing="document_encrypted", verifying="document_encrypted|none"),
]


def packed(members, **options):
    """A document whose objects 2, 3 and 5 lie in object stream 6, made by hand."""
    objects = plain_objects(o2=None, o3=None, o5=None, o6=object_stream(members, **options))
    rows = [(0, 0, 65535)]
    for number in range(1, 8):
        rows.append((2, 6, [2, 3, 5].index(number)) if number in (2, 3, 5) else (1, 0, 0))
    return objects, rows


def with_object_stream(members, itself=False, **options):
    """The same as a file; with `itself` the object stream claims to lie in itself."""
    objects, rows = packed(members, **options)
    head, offsets = body(objects)
    offsets[7] = len(head)
    rows = [(kind, offsets.get(number, 0) if kind == 1 else second, third)
            for number, (kind, second, third) in enumerate(rows)]
    if itself:
        rows[6] = (2, 6, 0)
    data = b"".join(kind.to_bytes(1, "big") + second.to_bytes(4, "big") + third.to_bytes(2, "big")
                    for kind, second, third in rows)
    section = stream(zlib.compress(data), b"/Type /XRef /W [1 4 2] /Size 8 /Root 1 0 R /Filter /FlateDecode")
    return head + b"7 0 obj\n" + section + b"\nendobj\nstartxref\n%d\n%%%%EOF\n" % len(head)


MEMBERS = [(2, b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>"), (3, PAGE), (5, b"<< /Type /Font >>")]

def bad_stream(name, wrong, members=None, codes=UNREADABLE, **options):
    """A file whose page lies in a broken object stream; a verifier need not look there."""
    data = with_object_stream(MEMBERS if members is None else members, **options)
    return bad(name, data, wrong, signing=codes, verifying=f"{codes}|none")


OBJECT_STREAMS = [
    bad_stream("object_stream_in_itself", "an object stream that lies in itself", itself=True),
    bad_stream("object_stream_count_huge", "/N 2147483647", count=2_147_483_647),
    bad_stream("object_stream_bomb", "300 MiB of zeros as object stream", codes=f"{UNREADABLE}|too_large",
               compressed=bomb(300), filters=TWICE),
    bad_stream("object_stream_garbage", "an object stream that is no Flate", compressed=b"\xff" * 64),
    bad_stream("object_stream_short", "fewer members than the cross-references name", members=MEMBERS[:1]),
    bad_stream("object_stream_length_huge", "/Length past the end of the file", length=b"99999999"),
]

STRUCTURE = NOT_DOCUMENTS + TRUNCATED + CROSS_REFERENCES + TREES + OBJECT_STREAMS
