#!/usr/bin/python3
"""What assistive technology is told of a program's windows, by AT-SPI.

    accessible.py tree PROCESS-ID      the program's tree as one JSON object: each node with `role`, `name`,
                                       `description`, `states` and, where it has them, `text` and `extents` (left and
                                       upper edge, width, height, in the window); its `children` are in the order in
                                       which a screen reader walks them. Ends with 3 when no such program is
                                       on the accessibility bus.
    accessible.py weights PROCESS-ID LABEL
                                       the parts of the first label of that name, in order: a JSON array of arrays of the
                                       part and how bold it is (400 is usual, 700 bold)
    accessible.py changes PROCESS-ID   a line `listening`, then a line for each change of a text, with what was put in or
                                       taken out, until it is ended
"""
import json
import sys

import gi

gi.require_version("Atspi", "2.0")
from gi.repository import Atspi, GLib  # noqa: E402

MOST_NODES = 5_000
STATES = ("VISIBLE", "SHOWING", "FOCUSABLE", "FOCUSED", "SENSITIVE", "CHECKED")


def described(node, left):
    """The node and what is below it, as long as `left` (a list of one number) allows."""
    left[0] -= 1
    if left[0] < 0:
        sys.exit(f"more than {MOST_NODES} nodes")
    states = node.get_state_set()
    described_node = {
        "role": node.get_role_name(),
        "name": node.get_name(),
        "description": node.get_description(),
        "states": [name for name in STATES if states.contains(getattr(Atspi.StateType, name))],
        "children": [],
    }
    text = node.get_text_iface()
    if text is not None:
        described_node["text"] = Atspi.Text.get_text(text, 0, Atspi.Text.get_character_count(text))
    component = node.get_component_iface()
    if component is not None:
        place = Atspi.Component.get_extents(component, Atspi.CoordType.WINDOW)
        described_node["extents"] = [place.x, place.y, place.width, place.height]
    for index in range(node.get_child_count()):
        child = node.get_child_at_index(index)
        if child is not None:
            described_node["children"].append(described(child, left))
    return described_node


def programs(wanted):
    """That program, if it is there."""
    desktop = Atspi.get_desktop(0)
    for index in range(desktop.get_child_count()):
        try:
            program = desktop.get_child_at_index(index)
            if program is None or program.get_process_id() != wanted:
                continue
        except GLib.Error:  # one that is just leaving
            continue
        yield program


def tree(wanted):
    for program in programs(wanted):
        json.dump(described(program, [MOST_NODES]), sys.stdout, ensure_ascii=False)
        return 0
    return 3


def labels(node):
    if node.get_role() == Atspi.Role.LABEL:
        yield node
    for index in range(node.get_child_count()):
        child = node.get_child_at_index(index)
        if child is not None:
            yield from labels(child)


def weights(wanted, name):
    for program in programs(wanted):
        for label in labels(program):
            if label.get_name() == name:
                json.dump(parts(label.get_text_iface()), sys.stdout, ensure_ascii=False)
                return 0
    return 3


def parts(text):
    found, offset = [], 0
    while offset < Atspi.Text.get_character_count(text):
        attributes, _, end = Atspi.Text.get_attribute_run(text, offset, True)
        assert end > offset, (attributes, offset, end)
        found.append([Atspi.Text.get_text(text, offset, end), int(attributes["weight"])])
        offset = end
    return found


def changes(wanted):
    def changed(event):
        if event.source.get_process_id() == wanted:
            print(event.type, event.any_data, flush=True)

    listener = Atspi.EventListener.new(changed)
    listener.register("object:text-changed")
    print("listening", flush=True)
    Atspi.event_main()


Atspi.init()
sys.exit({"tree": tree, "weights": weights, "changes": changes}[sys.argv[1]](int(sys.argv[2]), *sys.argv[3:]))
