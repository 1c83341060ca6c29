#!/usr/bin/python3
"""As much of an X settings daemon as names a theme (XSETTINGS 0.5, "Net/ThemeName"), on the screen that DISPLAY names. Its
argument is the theme. Says `ready`, and is there until it is ended; each line of its standard input is another theme's
name."""
import ctypes
import ctypes.util
import struct
import sys

REPLACE = 0
CURRENT_TIME = 0
STRING = 1

x11 = ctypes.CDLL(ctypes.util.find_library("X11"))
for function in ("XOpenDisplay", "XDefaultRootWindow", "XCreateSimpleWindow", "XInternAtom", "XGetSelectionOwner"):
    getattr(x11, function).restype = ctypes.c_void_p
display = ctypes.c_void_p(x11.XOpenDisplay(None))
root = ctypes.c_ulong(x11.XDefaultRootWindow(display))
window = ctypes.c_ulong(x11.XCreateSimpleWindow(display, root, 0, 0, 1, 1, 0, ctypes.c_ulong(0), ctypes.c_ulong(0)))


def atom(name):
    return ctypes.c_ulong(x11.XInternAtom(display, name.encode(), 0))


def padded(text):
    return text + b"\0" * (-len(text) % 4)


def publish(theme, serial):
    """The property (byte order, serial, count, then each setting)."""
    name, value = b"Net/ThemeName", theme.encode()
    setting = struct.pack("<BBH", STRING, 0, len(name)) + padded(name)
    setting += struct.pack("<II", serial, len(value)) + padded(value)
    data = struct.pack("<BxxxII", 0, serial, 1) + setting
    kind = atom("_XSETTINGS_SETTINGS")
    x11.XChangeProperty(display, window, kind, kind, 8, REPLACE, data, len(data))
    x11.XSync(display, 0)


publish(sys.argv[1], 1)
selection = atom("_XSETTINGS_S0")
x11.XSetSelectionOwner(display, selection, window, ctypes.c_ulong(CURRENT_TIME))
x11.XSync(display, 0)
assert x11.XGetSelectionOwner(display, selection) == window.value
print("ready", flush=True)
for serial, line in enumerate(sys.stdin, 2):
    publish(line.strip(), serial)
    print("done", flush=True)
