"""Signed files in which one thing is a lie: (name, bytes, signing, verifying, what is wrong).

`control_signed` shows that what the others are made from is TOTAL-PASSED; no trap may be.
"""

import re

from pdf_builder import FIELD, FORM, RANGE_PLACE, SIGNED_CATALOG, VALUE, signed, stream, update

FAILED = "TOTAL-FAILED"
NOT_PASSED = "TOTAL-FAILED|INDETERMINATE"


def trap(name, data, wrong, verifying=FAILED, signing="any"):
    """A file with a signature that must not pass."""
    return (name, data, signing, verifying, wrong)


def rewritten(file, text):
    """The file with another /ByteRange of the same length, which nobody signed."""
    found = re.search(rb"/ByteRange \[[^\]]*\] *", file).group()
    return file.replace(found, text.ljust(len(found)), 1)


def byte_ranges(good, sign):
    """What a /ByteRange can lie about (ISO 32000-1, 12.8.1)."""
    start, end = good.index(b"/Contents <") + len(b"/Contents "), 0
    end = good.index(b">", start) + 1
    size = len(good)
    claims = {
        "missing": (b"", "no /ByteRange"),
        "null": (b"/ByteRange null", "/ByteRange null"),
        "empty": (b"/ByteRange []", "an empty array"),
        "one_pair": (b"/ByteRange [0 %d]" % start, "one pair"),
        "three_numbers": (b"/ByteRange [0 %d %d]" % (start, end), "three numbers"),
        "negative": (b"/ByteRange [0 -%d %d %d]" % (start, end, size - end), "a negative length"),
        "overlapping": (b"/ByteRange [0 %d %d %d]" % (start, start - 100, size - start), "ranges that overlap"),
        "backwards": (b"/ByteRange [%d %d 0 %d]" % (end, size - end, start), "the second range first"),
        "huge": (b"/ByteRange [0 %d 99999999999999999999 1]" % start, "an offset of 20 digits"),
        "sum_wraps": (b"/ByteRange [0 %d %d 18446744073709551615]" % (start, end), "a sum past 64 bits"),
        "past_end": (b"/ByteRange [0 %d %d %d]" % (start, end, size), "a range past the end"),
        "reals": (b"/ByteRange [0.5 %d.5 %d.5 9.5]" % (start, end), "numbers with fractions"),
        "names": (b"/ByteRange [/A /B /C /D]", "names instead of numbers"),
    }
    for name, (text, wrong) in claims.items():
        yield trap(f"sig_byterange_{name}", rewritten(good, text), f"/ByteRange: {wrong}")
    yield trap("sig_byterange_skips_header", signed(sign, byte_range=lambda s, e, n: [9, s - 9, e, n - e]),
               "signed, but from byte 9 on", NOT_PASSED)
    yield trap("sig_byterange_short_end", signed(sign, byte_range=lambda s, e, n: [0, s, e, n - e - 30]),
               "signed, but the last 30 bytes are not covered", NOT_PASSED)
    yield trap("sig_byterange_wide_gap", signed(sign, byte_range=lambda s, e, n: [0, s - 40, e, n - e]),
               "signed, but the gap is wider than /Contents and hides a part of the dictionary")
    yield trap("sig_byterange_three_pairs", signed(sign, byte_range=lambda s, e, n: [0, 20, 20, s - 20, e, n - e]),
               "signed, in three pairs", NOT_PASSED)


def values(good, sign):
    """What /Contents can be instead of a CMS."""
    start = good.index(b"/Contents <") + len(b"/Contents <")
    end = good.index(b">", start)
    length = end - start

    def filled(text):
        return good[:start] + text.ljust(length, b"0")[:length] + good[end:]

    yield trap("sig_contents_zeros", filled(b""), "/Contents of zeros")
    yield trap("sig_contents_empty", good[: start] + b">" + b" " * length + good[end + 1 :], "/Contents <>")
    yield trap("sig_contents_null", good[: start - 1] + b"null" + b" " * (length - 2) + good[end + 1 :],
               "/Contents null")
    yield trap("sig_contents_not_hex", filled(b"zz" * 40), "letters that are no digits")
    yield trap("sig_contents_odd", good[: end - 1] + b"> " + good[end + 1 :],
               "an odd number of digits, and a gap one byte too wide", NOT_PASSED)
    yield trap("sig_contents_cut", filled(good[start : start + 600]), "a CMS cut after 300 bytes")
    yield trap("sig_contents_length_lies", filled(b"3084ffffffff" + good[start + 8 : start + 2000]),
               "a CMS of 4 GiB, it says")
    yield trap("sig_contents_deep", filled(b"3080" * (length // 4)), "2,048 indefinite sequences in one another")
    yield trap("sig_contents_unterminated", good[:end] + b"0" + good[end + 1 :], "/Contents without an end",
               f"{NOT_PASSED}|document_unreadable")


def dictionaries(good, sign):
    """Fields and values that lead nowhere or in circles."""
    yield trap("sig_subfilter_unknown", signed(sign, replace=[(b"/ETSI.CAdES.detached", b"/ETSI.XXdES.detached")]),
               "an unknown /SubFilter", NOT_PASSED)
    yield trap("sig_subfilter_missing", signed(sign, replace=[(b"/SubFilter /ETSI", b"/SubFilxxx /ETSI")]),
               "no /SubFilter", NOT_PASSED)
    yield trap("sig_field_is_value", signed(sign, objects={7: FIELD.replace(b"/V 8 0 R", b"/V 7 0 R")}),
               "/V names its own field", f"{NOT_PASSED}|none")
    yield trap("sig_value_dangling", signed(sign, objects={7: FIELD.replace(b"/V 8 0 R", b"/V 9 0 R")}),
               "/V names no object: a signature that was there, or is said to be", "TOTAL-FAILED")
    yield trap("sig_fields_loop", signed(sign, objects={7: FIELD.replace(b"/V 8 0 R", b"/Kids [7 0 R] /V 8 0 R")}),
               "a field that is its own child", f"{NOT_PASSED}|TOTAL-PASSED|none|document_unreadable")
    yield trap("sig_fields_number", signed(sign, objects={6: FORM.replace(b"[7 0 R]", b"4711")}),
               "/Fields is a number", f"{NOT_PASSED}|none|document_unreadable")
    second = FIELD.replace(b"(ChuKy)", b"(KyHai)").replace(b"/V 8 0 R", b"/V 10 0 R")
    copied = re.search(rb"8 0 obj\n(.*?)\nendobj", good, re.S).group(1)
    yield trap("sig_contents_shared", update(good, {
        6: FORM.replace(b"[7 0 R]", b"[7 0 R 9 0 R]"), 9: second, 10: copied}),
        "a second field whose value is a copy of the first one's", NOT_PASSED)
    yield trap("sig_two_fields_one_value", update(good, {
        6: FORM.replace(b"[7 0 R]", b"[7 0 R 9 0 R]"), 9: second.replace(b"10 0 R", b"8 0 R")}),
        "two fields with one value", NOT_PASSED)
    waiting = VALUE + RANGE_PLACE + b" /Contents <" + b"0" * 64 + b"> >>"
    yield trap("sig_placeholder", update(good, {8: waiting}),
               "an update that puts an unfilled value over the signed one")


def later_changes(good):
    """What was done after the signature (ISO 32000-1, 12.8.2; the shadow attacks)."""
    yield trap("sig_byte_changed", good.replace(b"(Ho so)", b"(Ho sO)"), "one letter of the page changed")
    yield trap("sig_page_replaced", update(good, {4: stream(b"BT /F 18 Tf 72 760 Td (Da sua) Tj ET")}),
               "an update that replaces the page's text", NOT_PASSED)
    yield trap("sig_catalog_replaced", update(good, {1: SIGNED_CATALOG.replace(b"2 0 R", b"9 0 R"),
               9: b"<< /Type /Pages /Kids [3 0 R 3 0 R] /Count 2 >>"}), "an update with another page tree", NOT_PASSED)
    yield trap("sig_font_replaced", update(good, {5: b"<< /Type /Font /Subtype /Type1 /BaseFont /Symbol >>"}),
               "an update that replaces the font, so that the same text reads otherwise", NOT_PASSED)
    yield trap("sig_form_removed", update(good, {1: b"<< /Type /Catalog /Pages 2 0 R >>"}),
               "an update that hides the signature by dropping the form", f"{NOT_PASSED}|none")
    yield trap("sig_appended_garbage", good + b"\n% them vao sau khi ky\n" + bytes(300),
               "bytes after the end", NOT_PASSED)
    yield trap("sig_appended_document", good + good, "the whole file once more behind itself",
               f"{NOT_PASSED}|document_unreadable")


def signature_traps(sign):
    """All of them, around one valid signature."""
    good = signed(sign)
    control = ("control_signed", good, "sign", "TOTAL-PASSED",
               "nothing: the signed document that the others are made from")
    return [control, *byte_ranges(good, sign), *values(good, sign), *dictionaries(good, sign), *later_changes(good)]
