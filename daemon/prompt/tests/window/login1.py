#!/usr/bin/python3
"""As much of systemd-logind as tells of locked screens and of sleep (org.freedesktop.login1(5)), on the bus that
DBUS_SYSTEM_BUS_ADDRESS names. Says `ready`, and then does what each line of its standard input says, and says how often it has been asked by
then whose session one is:

    lock SESSION          emits Lock for that session: `own` or `another`, a session of another user
    unlock SESSION        emits Unlock
    hint SESSION yes|no   LockedHint becomes that
    sleep yes|no          PrepareForSleep: yes is before, no is after

A second argument of the program is the bus that the desktop's own screen saver is on: then there is as well

    saver yes|no          ActiveChanged of org.gnome.ScreenSaver
"""
import os
import sys

from gi.repository import Gio, GLib

MANAGER = "/org/freedesktop/login1"
SESSIONS = {
    "own": (f"{MANAGER}/session/_31", os.getuid()),
    "another": (f"{MANAGER}/session/_32", os.getuid() + 1),
}
SESSION = "org.freedesktop.login1.Session"
INTERFACE = f"""<node><interface name='{SESSION}'>
  <property name='User' type='(uo)' access='read'/>
  <property name='LockedHint' type='b' access='read'/>
  <signal name='Lock'/><signal name='Unlock'/>
</interface></node>"""


def connect(address):
    flags = Gio.DBusConnectionFlags
    return Gio.DBusConnection.new_for_address_sync(
        address, flags.AUTHENTICATION_CLIENT | flags.MESSAGE_BUS_CONNECTION, None, None
    )


asked = 0


def serve(bus):
    interface = Gio.DBusNodeInfo.new_for_xml(INTERFACE).interfaces[0]
    for path, user in SESSIONS.values():
        def get(_bus, _sender, _path, _interface, name, user=user):
            global asked
            if name == "User":
                asked += 1
                return GLib.Variant("(uo)", (user, f"{MANAGER}/user/_{user}"))
            return GLib.Variant("b", False)

        bus.register_object(path, interface, None, get, None)
    name = GLib.Variant("(su)", ("org.freedesktop.login1", 0))
    daemon = ("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus")
    answer = bus.call_sync(*daemon, "RequestName", name, None, Gio.DBusCallFlags.NONE, -1, None)
    assert answer.unpack() == (1,), "somebody else is logind here"


def obey(system, desktop, words):
    def emit(path, interface, signal, parameters=None, bus=system):
        bus.emit_signal(None, path, interface, signal, parameters)
        bus.flush_sync(None)

    match words:
        case ["lock" | "unlock" as what, session]:
            emit(SESSIONS[session][0], SESSION, what.capitalize())
        case ["hint", session, yes]:
            changed = {"LockedHint": GLib.Variant("b", yes == "yes")}
            told = GLib.Variant("(sa{sv}as)", (SESSION, changed, []))
            emit(SESSIONS[session][0], "org.freedesktop.DBus.Properties", "PropertiesChanged", told)
        case ["sleep", yes]:
            told = GLib.Variant("(b)", (yes == "yes",))
            emit(MANAGER, "org.freedesktop.login1.Manager", "PrepareForSleep", told)
        case ["saver", yes]:
            told = GLib.Variant("(b)", (yes == "yes",))
            emit("/org/gnome/ScreenSaver", "org.gnome.ScreenSaver", "ActiveChanged", told, desktop)
        case _:
            sys.exit(f"not understood: {words}")


def main():
    system = connect(os.environ["DBUS_SYSTEM_BUS_ADDRESS"])
    desktop = connect(sys.argv[1]) if len(sys.argv) > 1 else None
    serve(system)
    loop = GLib.MainLoop()

    def hear(_source, _condition):
        line = sys.stdin.readline()
        if not line:
            loop.quit()
            return False
        obey(system, desktop, line.split())
        print(asked, flush=True)
        return True

    GLib.io_add_watch(sys.stdin.fileno(), GLib.PRIORITY_DEFAULT, GLib.IO_IN | GLib.IO_HUP, hear)
    print("ready", flush=True)
    loop.run()


main()
