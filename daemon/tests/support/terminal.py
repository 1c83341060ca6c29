"""A person at a terminal: runs a program on one of its own, waits for what it asks, types the answers.

Arguments: the answers as a JSON list of [text to wait for, keys to type], then the program with its arguments. Behind
the keys may stand another program with its arguments, which runs and ends before they are typed. Prints
what stood on the terminal, and ends with the program's exit code. While the program waits for the first answer, its
limit for core dumps is printed too.
"""

import json
import os
import pty
import select
import subprocess
import sys
import termios
import time

PATIENCE = 120


def read(terminal, seen):
    """What comes within a moment; None at the end."""
    if not select.select([terminal], [], [], 0.1)[0]:
        return seen
    try:
        more = os.read(terminal, 4096)
    except OSError:
        return None
    return seen + more if more else None


def main():
    answers, program = json.loads(sys.argv[1]), sys.argv[2:]
    child, terminal = pty.fork()
    if child == 0:
        os.execvp(program[0], program)
    seen, end = b"", time.monotonic() + PATIENCE
    shown = 0
    for number, (question, keys, *meanwhile) in enumerate(answers):
        # The program throws away what was typed before it listens, as one does who asks for a PIN.
        while question.encode() not in seen[shown:] or termios.tcgetattr(terminal)[3] & termios.ICANON:
            more = read(terminal, seen)
            if more is None or time.monotonic() > end:
                sys.exit(f"no question {question!r} in {seen.decode(errors='replace')!r}")
            seen = more
        shown = len(seen)
        if number == 0:
            with open(f"/proc/{child}/limits", encoding="ascii") as limits:
                print(*[line for line in limits if "core file" in line])
        if meanwhile:
            subprocess.run(meanwhile, check=True, stdout=subprocess.DEVNULL)
        os.write(terminal, keys.encode())
    while (more := read(terminal, seen)) is not None:
        seen = more
        if time.monotonic() > end:
            sys.exit("the program does not end")
    print(seen.decode(errors="replace"))
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


main()
