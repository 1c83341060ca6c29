// The policy files for fleets, in real browsers: each in a mount namespace of its own, so that no other browser of this
// computer sees them.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import path from "node:path";
import test, { after, before } from "node:test";
import { fileURLToPath } from "node:url";
import { setTimeout as pause } from "node:timers/promises";
import { launch } from "../../../testdata/portal/browsers.mjs";
import { writePackages } from "../../packages.mjs";
import { Stage, binaries, elsewhere, sdk } from "./stage.mjs";

const puppeteer = createRequire(import.meta.url)("puppeteer-core");
const HOST = "portal.example";
const ID = "jkimigkodbknlgplganhnoaekpijpohb";
const policies = fileURLToPath(new URL("../../policies/", import.meta.url));
const unpacked = fileURLToPath(new URL("../../webextension/dist/chromium", import.meta.url));

const PAGE = `<!doctype html><title>Cổng</title><script type="module">
  import { Trien } from "/sdk.js";
  window.connect = (road, port) => Trien.connect({ roads: [road], port }).then((trien) => trien.road, ({ code, detail }) => code + " " + detail);
  window.ping = () => new Promise((resolve) => {
    const session = "hello", text = '{"jsonrpc":"2.0","id":1,"method":"hello","params":{"versions":[1],"client":""}}';
    // Which version is here is told when the daemon has said that the page has a permission.
    window.addEventListener("message", ({ data }) => {
      if (data.trien === "closed") resolve("");
      if (data.trien !== "pong") return;
      if (data.version) return resolve(data.version);
      window.postMessage({ trien: "open", session }, "*");
      window.postMessage({ trien: "send", session, text }, "*");
    });
    const timer = setInterval(() => window.postMessage({ trien: "ping" }, "*"), 100);
    setTimeout(() => (clearInterval(timer), resolve("nobody")), 3000);
  });
</script>`;

/** Why no mount namespace can be had here, if so. */
const obstacle = (() => {
  try {
    execFileSync("unshare", ["--map-root-user", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"], { stdio: "pipe" });
    return false;
  } catch (error) {
    return `no mount namespaces on this computer: ${String(error.stderr ?? error).trim()}`;
  }
})();

/** Where the tests are the judge, what cannot be tried is not passed over. */
const skip = !process.env.CI && obstacle;

let stage;
let folder;
let site;
before(async () => {
  if (skip) return;
  assert.ok(!obstacle, obstacle);
  folder = mkdtempSync(path.join(tmpdir(), "trien-policies-"));
  stage = await Stage.open();
  site = await stage.site({ "/": PAGE, "/sdk.js": sdk() }, { host: HOST });
});
after(async () => {
  await stage?.close();
  // With the profiles in it: of a browser that is closed some process may still write for a moment.
  if (folder) rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
});

/** A policy file with the portal's and the packages' addresses of this test. */
function adapted(name, changes) {
  let text = readFileSync(path.join(policies, name), "utf8");
  for (const [from, to] of Object.entries(changes)) {
    assert.ok(text.includes(from), from);
    text = text.replaceAll(from, to);
  }
  const file = path.join(folder, name);
  writeFileSync(file, text);
  return file;
}

/** A program that is `browser` with these commands run before, in a mount namespace of its own. */
function within(name, browser, commands) {
  const file = path.join(folder, name);
  writeFileSync(file, `#!/bin/sh\nexec unshare --map-root-user --mount sh -ec '${commands}; exec ${browser} "$@"' sh "$@"\n`, { mode: 0o755 });
  return file;
}

const chromiumWith = (name, policy, more = "") => within(name, process.env.CHROMIUM ?? "/usr/bin/chromium",
  `mount -t tmpfs none /etc/chromium; mkdir -p /etc/chromium/policies/managed; cp ${policy} /etc/chromium/policies/managed/trien.json${more}`);

async function pageOf(browser) {
  const page = await browser.newPage();
  await page.goto(site.url);
  await page.waitForFunction(() => window.connect !== undefined);
  return page;
}

async function somebody(page) {
  for (let left = 60; left > 0; left -= 1, await pause(250)) {
    const version = await page.evaluate(() => window.ping());
    if (version !== "nobody") return version;
    await page.reload();
    await page.waitForFunction(() => window.ping !== undefined);
  }
  return "nobody";
}

/** Chromium as its users start it: it may fetch what a policy tells it to, from this computer alone. */
async function startManaged(context, executablePath, args = []) {
  const userDataDir = mkdtempSync(path.join(folder, "profile-"));
  const browser = await puppeteer.launch({
    executablePath, userDataDir, headless: true, acceptInsecureCerts: true, env: { ...process.env, ...stage.env },
    ignoreDefaultArgs: ["--disable-background-networking", "--disable-extensions", "--disable-default-apps"],
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-component-update", "--disable-sync",
      `--host-resolver-rules=MAP ${HOST} 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1`,
      `--ip-address-space-overrides=127.0.0.1:${site.port}=public`, ...args],
  });
  context.after(() => browser.close());
  return browser;
}

// Edge has Chromium's engine and its policies by the same names; that it reads the file from its own folder is not tried.
test("n067 Chromium, and Edge's file in it: the host of the system wins, a user's is not started; the portal reaches the socket without a question", {
  skip, timeout: 120_000,
}, async (context) => {
  const allowlist = '"NativeMessagingAllowlist": ["vn.trien.host"],';
  const all = '"NativeMessagingBlocklist": ["*"], ';
  const adapt = (file, changes = { [allowlist]: all + allowlist }) => adapted(file, {
    "https://portal.example": site.url, [`${ID};https://intranet.example/trien/update.xml`]: `${"a".repeat(32)};http://127.0.0.1:1/none.xml`, ...changes,
  });
  const host = path.join(binaries, "trien-extension-host");
  const system = `; ${host} install --system --browser chromium >/dev/null`;
  // The last is the control: what the file allows is shut without these lines of it.
  const without = { [allowlist]: all, LoopbackNetworkAllowedForUrls: "Nothing", LocalNetworkAccessAllowedForUrls: "NothingEither" };
  const shut = /^blocked_by_browser websocket: /;
  for (const [name, file, more, road, socket, changes] of [
    ["chromium-system", "chromium.json", system, /^extension$/, /^websocket$/],
    ["edge-system", "edge.json", system, /^extension$/, /^websocket$/],
    ["chromium-user", "chromium.json", "", /^not_installed extension: host_missing$/, /^websocket$/],
    ["chromium-control", "chromium.json", system, /^blocked_by_browser extension: host_forbidden$/, shut, without],
  ]) {
    const browser = await startManaged(context, chromiumWith(name, adapt(file, changes), more), ["--enable-unsafe-extension-debugging", `--load-extension=${unpacked}`]);
    const profile = browser.process().spawnargs.find((it) => it.startsWith("--user-data-dir=")).slice(16);
    execFileSync(host, ["install", "--browser", "chromium", "--user-data-dir", profile]);
    const page = await pageOf(browser);
    assert.notEqual(await somebody(page), "nobody");
    assert.match(await page.evaluate(() => window.connect("extension")), road, name);
    assert.match(await page.evaluate((port) => window.connect("websocket", port), stage.websocketPort), socket, name);
    await browser.close();
  }
});

test("Chromium installs the packed extension because the policy says so, and it reaches the host of the system", { skip, timeout: 90_000 }, async (context) => {
  const { privateKey: key } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const packed = {};
  const { url } = await stage.site({
    "/update.xml": (_, response) => response.end(readFileSync(packed.update)),
    "/trien.crx": (_, response) => response.end(readFileSync(packed.crx)),
  }, { allowed: false });
  Object.assign(packed, writePackages({ out: path.join(folder, "packages"), key, crxUrl: `${url}/trien.crx` }));
  const policy = adapted("chromium.json", { [ID]: packed.id, "https://intranet.example/trien": url, "https://portal.example": site.url });
  // The key of this test gives the package an id of its own, and the host takes the released one alone: between them, and
  // as the system's host, stands a program that names the released one.
  const program = path.join(folder, "host");
  writeFileSync(program, `#!/bin/sh\nexec ${path.join(binaries, "trien-extension-host")} chrome-extension://${ID}/\n`, { mode: 0o755 });
  const host = { name: "vn.trien.host", description: "Triện", path: program, type: "stdio", allowed_origins: [`chrome-extension://${packed.id}/`] };
  const manifest = path.join(folder, "vn.trien.host.json");
  writeFileSync(manifest, JSON.stringify(host));
  const hosts = "/etc/chromium/native-messaging-hosts";
  const more = `; mkdir -p ${hosts}; cp ${manifest} ${hosts}/`;
  const browser = await startManaged(context, chromiumWith("chromium-force", policy, more));
  const page = await pageOf(browser);
  await somebody(page);
  assert.equal(await page.evaluate(() => window.connect("extension")), "extension");
  assert.equal(await somebody(page), packed.version);
});

// The gate for sockets is shut here as it will be in Firefox's next versions. The second is the control.
for (const [what, changes, socket] of [
  ["the socket is free for the portal", {}, /^websocket$/],
  ["without the line of the policy the socket is shut", { '"LocalNetworkAccess": { "SkipDomains": ["portal.example"] },': "" }, /^blocked_by_browser websocket: /],
]) {
  test(`Firefox installs the packed add-on because the policy says so, the system's host answers, and ${what}`, {
    skip, timeout: 120_000,
  }, async (context) => {
    const { privateKey: key } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const { xpi, version } = writePackages({ out: path.join(folder, "packages"), key });
    const policy = adapted("firefox.json", { "https://intranet.example/trien/trien-firefox.xpi": `file://${xpi}`, ...changes });
    const page = await pageOf(await firefoxWith(context, policy));
    await somebody(page);
    assert.equal(await page.evaluate(() => window.connect("extension")), "extension");
    // Its version is told to who has a permission, which the daemon has said by now.
    assert.equal(await somebody(page), version);
    await page.mouse.click(5, 5);
    assert.match(await page.evaluate((port) => window.connect("websocket", port), stage.websocketPort), socket);
  });
}

/** Firefox with this policy file and the host of the system. */
async function firefoxWith(context, policy) {
  const distribution = "/usr/lib/firefox-esr/distribution";
  const system = `mount -t tmpfs none /usr/lib/mozilla; ${path.join(binaries, "trien-extension-host")} install --system --browser firefox >/dev/null`;
  const executable = within("firefox-managed", process.env.FIREFOX ?? "/usr/bin/firefox-esr",
    `mount -t tmpfs none ${distribution}; cp ${policy} ${distribution}/policies.json; ${system}`);
  const { preferences } = elsewhere("firefox", HOST, { public: site.port });
  const given = process.env.FIREFOX;
  process.env.FIREFOX = executable;
  try {
    const { browser, close } = await launch("firefox", {
      // What is not signed by Mozilla is installed only so.
      binaries, extension: false, host: false, env: stage.env,
      preferences: { ...preferences, "xpinstall.signatures.required": false, "network.lna.websocket.enabled": true },
    });
    context.after(close);
    return browser;
  } finally {
    if (given === undefined) delete process.env.FIREFOX;
    else process.env.FIREFOX = given;
  }
}
