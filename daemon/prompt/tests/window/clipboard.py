#!/usr/bin/python3
"""Offers what comes on standard input as the text in the clipboard; says `ready`, and is there until it is ended."""
import sys

import gi

gi.require_version("Gdk", "4.0")
gi.require_version("Gtk", "4.0")
from gi.repository import Gdk, GLib, Gtk  # noqa: E402

text = GLib.Bytes.new(sys.stdin.buffer.read())
Gtk.init()
clipboard = Gdk.Display.get_default().get_clipboard()
clipboard.set_content(Gdk.ContentProvider.new_for_bytes("text/plain;charset=utf-8", text))
print("ready", flush=True)
GLib.MainLoop().run()
