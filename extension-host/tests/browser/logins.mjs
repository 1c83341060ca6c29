// A system bus of the tests' own with a logind on it, which tells of locked screens.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const SERVICE = fileURLToPath(new URL("../../../daemon/prompt/tests/window/login1.py", import.meta.url));

/** How long the window may take to hear of it. */
const PATIENCE = 30_000;

export class Logins {
  #bus;
  #service;
  #told;

  static async open() {
    const logins = new Logins();
    logins.#bus = spawn("dbus-daemon", ["--session", "--nofork", "--print-address"], { stdio: ["ignore", "pipe", "ignore"] });
    const address = (await createInterface({ input: logins.#bus.stdout })[Symbol.asyncIterator]().next()).value;
    /** What a program finds it by. */
    logins.environment = { DBUS_SYSTEM_BUS_ADDRESS: address };
    logins.#service = spawn("/usr/bin/python3", [SERVICE], {
      env: { ...process.env, ...logins.environment }, stdio: ["pipe", "pipe", "inherit"],
    });
    logins.#told = createInterface({ input: logins.#service.stdout })[Symbol.asyncIterator]();
    assert.equal((await logins.#told.next()).value, "ready");
    return logins;
  }

  /** Has the person's session locked until that holds: a window may not be listening yet when it is new. */
  async lockUntil(holds) {
    for (const start = Date.now(); Date.now() - start < PATIENCE; ) {
      this.#service.stdin.write("lock own\n");
      assert.equal((await this.#told.next()).done, false, "login1.py has ended");
      for (let left = 10; left > 0; left -= 1) {
        if (await holds()) return;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
    assert.fail("a locked screen changes nothing");
  }

  async close() {
    for (const process of [this.#service, this.#bus]) process?.kill();
  }
}
