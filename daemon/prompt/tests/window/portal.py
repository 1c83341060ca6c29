#!/usr/bin/python3
"""As much of a desktop's portal as tells which colours a person likes (org.freedesktop.portal.Settings, version 1), on the bus that
DBUS_SESSION_BUS_ADDRESS names. Its argument is the color-scheme that it answers with: 0, 1 for dark, 2 for light; or
`mute`: then nobody is answered. Says `ready`, and then does what each line of its standard input says, and says `done`:

    scheme N   color-scheme becomes that, and SettingChanged is emitted
    answer N   who has not been answered is told that, as is whoever asks from now on
"""
import os
import sys
import time

from gi.repository import Gio, GLib

PATH = "/org/freedesktop/portal/desktop"
SETTINGS = "org.freedesktop.portal.Settings"
SETTING = ("org.freedesktop.appearance", "color-scheme")
# D-Bus, RequestName: the first owner, and the owner already.
OWNED = ((1,), (4,))
INTERFACE = f"""<node><interface name='{SETTINGS}'>
  <method name='Read'>
    <arg type='s' direction='in'/><arg type='s' direction='in'/><arg type='v' direction='out'/>
  </method>
  <signal name='SettingChanged'><arg type='s'/><arg type='s'/><arg type='v'/></signal>
</interface></node>"""

scheme = None if sys.argv[1] == "mute" else int(sys.argv[1])
unanswered = []


def answer(call):
    # A variant within the variant, as this method has it.
    call.return_value(GLib.Variant("(v)", (GLib.Variant("v", GLib.Variant("u", scheme)),)))


def called(_bus, _sender, _path, _interface, _method, parameters, call):
    if parameters.unpack() != SETTING:
        call.return_dbus_error("org.freedesktop.portal.Error.NotFound", "Requested setting not found")
    elif scheme is None:
        unanswered.append(call)
    else:
        answer(call)


def obey(bus, words):
    global scheme
    match words:
        case ["scheme", number]:
            scheme = int(number)
            told = GLib.Variant("(ssv)", (*SETTING, GLib.Variant("u", scheme)))
            bus.emit_signal(None, PATH, SETTINGS, "SettingChanged", told)
        case ["answer", number]:
            scheme = int(number)
            while unanswered:
                answer(unanswered.pop())
        case _:
            sys.exit(f"not understood: {words}")
    bus.flush_sync(None)


def main():
    flags = Gio.DBusConnectionFlags
    address = os.environ["DBUS_SESSION_BUS_ADDRESS"]
    bus = Gio.DBusConnection.new_for_address_sync(
        address, flags.AUTHENTICATION_CLIENT | flags.MESSAGE_BUS_CONNECTION, None, None
    )
    interface = Gio.DBusNodeInfo.new_for_xml(INTERFACE).interfaces[0]
    bus.register_object(PATH, interface, called, None, None)
    name = GLib.Variant("(su)", ("org.freedesktop.portal.Desktop", 0))
    daemon = ("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus")
    # The one that was here before may be on its way.
    for _ in range(2000):
        given = bus.call_sync(*daemon, "RequestName", name, None, Gio.DBusCallFlags.NONE, -1, None)
        if given.unpack() in OWNED:
            break
        time.sleep(0.01)
    else:
        sys.exit("somebody else is the portal here")
    loop = GLib.MainLoop()

    def hear(_source, _condition):
        line = sys.stdin.readline()
        if not line:
            loop.quit()
            return False
        obey(bus, line.split())
        print("done", flush=True)
        return True

    GLib.io_add_watch(sys.stdin.fileno(), GLib.PRIORITY_DEFAULT, GLib.IO_IN | GLib.IO_HUP, hear)
    print("ready", flush=True)
    loop.run()


main()
