"""A headless Firefox that has the module in its profile, and what its certificate manager would list.

    firefox.py PROFILE PORT LABEL PIN

Speaks Marionette (`length:json`, one after the other) on the loopback port PORT and runs its script in the browser's
own context, which sees what the settings see. Firefox asks for the token's PIN in a window of its own; the PIN is typed
there. Prints what Firefox asked, and a line for each certificate of the token: subject, serial number, fingerprint.
"""

import json
import socket
import subprocess
import sys
import time

PATIENCE = 60  # seconds for the start, and for the answer

PREFERENCES = """
user_pref("marionette.port", {port});
user_pref("security.dialog_enable_delay", 0);
"""

# The list of all certificates is what makes Firefox log in to each token.
LIST = """
const [label, pin] = arguments;
if (!window.answerPrompt) {
  window.answerPrompt = (subject) => {
    window.asked = subject.Dialog.args.text;
    subject.Dialog.ui.password1Textbox.value = pin;
    subject.document.getElementById("commonDialog").acceptDialog();
  };
  Services.obs.addObserver(window.answerPrompt, "common-dialog-loaded");
}
const database = Cc["@mozilla.org/security/x509certdb;1"].getService(Ci.nsIX509CertDB);
const own = database.getCerts().filter((each) => each.tokenName === label);
const lines = own.map((each) => [each.subjectName, each.serialNumber, each.sha256Fingerprint].join("\\t"));
return [window.asked, ...lines.sort()];
"""


class Refused(Exception):
    """What Firefox refuses: the kind of error, the command, the explanation."""


class Marionette:
    def __init__(self, port):
        self.stream = connect(port).makefile("rwb")
        self.number = 0
        self.receive()  # the greeting

    def receive(self):
        length = b""
        while not length.endswith(b":"):
            byte = self.stream.read(1)
            if not byte:
                raise EOFError("Firefox has closed the connection")
            length += byte
        return json.loads(self.stream.read(int(length[:-1])))

    def call(self, name, **parameters):
        self.number += 1
        message = json.dumps([0, self.number, name, parameters]).encode()
        self.stream.write(b"%d:%s" % (len(message), message))
        self.stream.flush()
        _, _, error, result = self.receive()
        if error:
            raise Refused(error["error"], name, error["message"])
        return result


def connect(port):
    end = time.monotonic() + PATIENCE
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        except ConnectionRefusedError:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)


def certificates(driver, label, pin):
    """The lines. A script that a window interrupts has no value, and none runs while the window is open."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        try:
            lines = driver.call("WebDriver:ExecuteScript", script=LIST, args=[label, pin])["value"]
            if lines:
                return lines
        except Refused as refused:
            if refused.args[0] != "unexpected alert open":
                raise
        time.sleep(0.1)
    raise TimeoutError("Firefox lists nothing")


def main(profile, port, label, pin):
    with open(f"{profile}/user.js", "w") as preferences:
        preferences.write(PREFERENCES.format(port=port))
    words = ["firefox-esr", "--headless", "--no-remote", "--marionette", "--remote-allow-system-access"]
    browser = subprocess.Popen([*words, "--profile", profile], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        driver = Marionette(int(port))
        driver.call("WebDriver:NewSession", capabilities={"alwaysMatch": {"unhandledPromptBehavior": "ignore"}})
        driver.call("Marionette:SetContext", value="chrome")
        print(*certificates(driver, label, pin), sep="\n")
        driver.call("Marionette:Quit", flags=["eAttemptQuit"])
        if browser.wait(PATIENCE) != 0:
            raise SystemExit(f"Firefox ends with {browser.returncode}")
    finally:
        if browser.poll() is None:
            browser.kill()
            browser.wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
