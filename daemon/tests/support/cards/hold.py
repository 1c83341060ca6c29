"""hold.py READER exclusive|transaction: another program, which holds the card in a reader until its input ends."""

import ctypes
import sys
import time

SHARING_VIOLATION = 0x8010000B
SYSTEM, EXCLUSIVE, SHARED, ANY_PROTOCOL, LEAVE = 2, 1, 2, 3, 0
pcsc = ctypes.CDLL("libpcsclite.so.1")
number, count = ctypes.c_long, ctypes.c_ulong


def call(name, *arguments):
    until = time.monotonic() + 10
    while True:
        returned = getattr(pcsc, name)(*arguments) & 0xFFFFFFFF
        # Others may have the card for a moment.
        if returned != SHARING_VIOLATION or time.monotonic() > until:
            break
        time.sleep(0.01)
    if returned:
        sys.exit(f"{name}: {returned:#x}")


reader, how = sys.argv[1:]
context, card, protocol = number(), number(), count()
call("SCardEstablishContext", count(SYSTEM), None, None, ctypes.byref(context))
mode = count(EXCLUSIVE if how == "exclusive" else SHARED)
call(
    "SCardConnect", context, reader.encode(), mode, count(ANY_PROTOCOL), ctypes.byref(card), ctypes.byref(protocol)
)
if how == "transaction":
    call("SCardBeginTransaction", card)
print("held", flush=True)
sys.stdin.read()
if how == "transaction":
    call("SCardEndTransaction", card, count(LEAVE))
call("SCardDisconnect", card, count(LEAVE))
call("SCardReleaseContext", context)
