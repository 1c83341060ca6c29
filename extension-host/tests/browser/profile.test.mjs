// Installing the host leaves the person's own profile alone. Firefox 147 and later keeps new profiles below ~/.config, unless it
// finds its folder of old in ~/.mozilla, which is where it looks for hosts.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "node:test";
import { promisify } from "node:util";
import { remove } from "../../../testdata/portal/browsers.mjs";
import { binaries } from "./stage.mjs";

const run = promisify(execFile);

test("Firefox starts with the profile that it had before the host was installed", { timeout: 400_000 }, async (context) => {
  const home = mkdtempSync(path.join(tmpdir(), "trien-home-"));
  context.after(() => remove(home));
  const { PATH } = process.env;
  const env = { PATH, HOME: home, MOZ_HEADLESS: "1", MOZ_CRASHREPORTER_DISABLE: "1" };
  // As a person starts it, with no profile named; it ends by itself when it has drawn the page. Without a network, which a new
  // profile would use.
  const start = (picture) => run("unshare", ["--map-root-user", "--net", process.env.FIREFOX ?? "/usr/bin/firefox-esr",
    "--headless", "--screenshot", path.join(home, picture), "about:blank"], { env });
  const folders = [".config/mozilla/firefox", ".mozilla/firefox"].map((folder) => path.join(home, folder));
  const profiles = () => folders.filter(existsSync).flatMap((folder) => readdirSync(folder).map((name) => path.join(folder, name)))
    .filter((profile) => existsSync(path.join(profile, "prefs.js"))).sort();

  await start("before.png");
  const before = profiles();
  assert.equal(before.length, 1, `the profile of the first start: ${before}`);
  const [profile] = before;
  // Firefox writes it first of all into the profile that it starts with; preferences it writes only if it stays long enough.
  const mark = path.join(profile, "compatibility.ini");
  rmSync(mark);
  const beforeThat = folders.map(existsSync);

  const { stdout } = await run(path.join(binaries, "trien-extension-host"), ["install"], { env: { ...env, LC_ALL: "en_GB.UTF-8" } });
  assert.match(stdout, /\.mozilla\/native-messaging-hosts/);
  await start("after.png");
  assert.ok(existsSync(path.join(home, "after.png")));
  assert.deepEqual(profiles(), before);
  assert.deepEqual(folders.map(existsSync), beforeThat);
  assert.ok(existsSync(mark), "the second start was with it");
});
