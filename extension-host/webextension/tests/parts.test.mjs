import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import test from "node:test";
import { load } from "../../tests/peer/load.mjs";

const { originsOf } = await load("webextension/src/origin.ts");
const { reasonOf, statusOf } = await load("webextension/src/host.ts");
const { Rate } = await load("webextension/src/rate.ts");
const { Places, STRANGERS } = await load("webextension/src/places.ts");
const { isKnown, knownOrigins, learn } = await load("webextension/src/settings.ts");
const { readFromPage } = await load("sdk/src/bridge.ts");

test("n062 the origin is the browser's word", () => {
  const top = { origin: "https://a.example", url: "https://a.example/x?y", frameId: 0 };
  assert.deepEqual(originsOf(top), { origin: "https://a.example", topOrigin: "https://a.example" });
  assert.deepEqual(originsOf({ ...top, origin: undefined }), originsOf(top), "older browsers give the address only");
  const frame = { ...top, frameId: 3, tab: { url: "https://b.example:8443/" } };
  assert.deepEqual(originsOf(frame), { origin: "https://a.example", topOrigin: "https://b.example:8443" });
  const local = { origin: "http://127.0.0.1:8080", url: "http://127.0.0.1:8080/", frameId: 0 };
  assert.equal(originsOf(local).origin, "http://127.0.0.1:8080");
});

test("n063 a page without an origin of its own may ask nothing", () => {
  const https = { origin: "https://a.example", url: "https://a.example/", frameId: 0 };
  for (const sender of [
    undefined, {}, { ...https, origin: "null" }, { ...https, url: "about:blank" }, { ...https, url: "about:srcdoc" },
    { ...https, url: undefined }, { ...https, url: "https://b.example/" },
    { origin: "null", url: "data:text/html,x", frameId: 0 }, { origin: "null", url: "file:///etc/passwd", frameId: 0 },
    { origin: "https://a.example", url: "blob:https://a.example/7", frameId: 0 },
    { origin: "http://a.example", url: "http://a.example/", frameId: 0 },
    { origin: "http://127.0.0.1.example", url: "http://127.0.0.1.example/", frameId: 0 },
    { ...https, frameId: 1 }, { ...https, frameId: 1, tab: {} }, { ...https, frameId: 1, tab: { url: "about:blank" } },
    { ...https, frameId: 1, tab: { url: "http://evil.example/" } }, { ...https, frameId: undefined },
  ]) {
    assert.equal(originsOf(sender), undefined, JSON.stringify(sender));
  }
});

test("what the browsers say about the host", () => {
  for (const [sentence, reason] of [
    ["Specified native messaging host not found.", "host_missing"],
    ["No such native application vn.trien.host", "host_missing"],
    ["Access to the specified native messaging host is forbidden.", "host_forbidden"],
    ["Access to the native messaging host was disabled by the system administrator.", "host_forbidden"],
    ["This extension does not have permission to use native application vn.trien.host", "host_forbidden"],
    ["Native host has exited.", "host_exited"], [undefined, "host_exited"], ["", "host_exited"],
    ["Error when communicating with the native messaging host.", "host_failed"],
  ]) {
    assert.equal(reasonOf(sentence), reason, sentence);
  }
});

test("only the host's own words are its status", () => {
  assert.equal(statusOf({ trien_host: "daemon_not_running" }), "daemon_not_running");
  assert.equal(statusOf({ trien_host: "anything" }), undefined);
  for (const message of [null, 1, "x", {}, { jsonrpc: "2.0", id: 1, result: {} }]) assert.equal(statusOf(message), undefined);
});

test("a rate lets a burst pass and then a trickle", () => {
  const rate = new Rate(3, 2, 0);
  assert.deepEqual([0, 0, 0, 0].map((now) => rate.allows(now)), [true, true, true, false]);
  assert.deepEqual([400, 500, 501, 1000].map((now) => rate.allows(now)), [false, true, false, true]);
  assert.ok(!rate.isFresh(1100) && rate.isFresh(9000));
  const later = Array.from({ length: 100 }, () => rate.allows(60_000)).filter(Boolean);
  assert.equal(later.length, 3, "waiting does not save up more than the burst");
  assert.equal(rate.allows(0), false, "a clock set back gives nothing");
});

test("n065 strangers pay for their hosts together, and nobody has more than his share", () => {
  const places = new Places();
  const taken = (payer, count, now = 0) => Array.from({ length: count }, () => places.take(payer, now)).filter(Boolean);
  assert.equal(taken(STRANGERS, 1600).length, 8, "however many they are");
  const portal = taken("https://portal.example", 20);
  assert.equal(portal.length, 8, "the portal has its own");
  assert.equal(taken("https://portal.example", 20, 60_000).length, 0, "as long as they run");
  for (const place of portal) [place, place].forEach((it) => it.leave());
  assert.equal(taken("https://portal.example", 20, 120_000).length, 8, "each is left once");
  const others = Array.from({ length: 40 }, (_, n) => taken(`https://n${n}.example`, 2, 120_000).length);
  assert.equal(others.reduce((sum, count) => sum + count), 32, "48 of all together");
});

/** The browser's store, with what was in it before; `failing` has it refuse the next change. */
function openStore(held = {}) {
  const store = { held, failing: false };
  const local = {
    get: async (list) => ({ [list]: structuredClone(held[list]) }),
    set: async (changed) => {
      if (store.failing) throw (store.failing = false, new Error("the disk is full"));
      Object.assign(held, structuredClone(changed));
    },
  };
  globalThis.chrome = { storage: { local } };
  return store;
}

test("which sites had a permission is the daemon's word; a refusal in a frame may be about either site", async () => {
  openStore();
  const [a, b] = ["https://a.example", "https://b.example"];
  await learn({ origin: a, topOrigin: a }, true);
  assert.deepEqual([await isKnown(a), await isKnown(b)], [true, false]);
  await learn({ origin: b, topOrigin: a }, true);
  assert.deepEqual(await knownOrigins(), [a, b]);
  await learn({ origin: b, topOrigin: a }, false);
  assert.deepEqual(await knownOrigins(), [a, b], "nothing is forgotten for a frame");
  await learn({ origin: b, topOrigin: b }, false);
  assert.deepEqual(await knownOrigins(), [a]);
  await learn({ origin: b, topOrigin: a }, false);
  assert.deepEqual(await knownOrigins(), [a], "nor learned");
});

test("of what is learned at once nothing is lost, the oldest go first, and a store that fails once or is spoilt is used again", async () => {
  const store = openStore({ known: "spoilt" });
  const sites = Array.from({ length: 501 }, (_, n) => `https://n${n}.example`);
  assert.equal(await isKnown(sites[0]), false);
  await Promise.all(sites.map((origin) => learn({ origin, topOrigin: origin }, true)));
  assert.deepEqual(await knownOrigins(), sites.slice(1));
  store.failing = true;
  const [late] = sites;
  await assert.rejects(learn({ origin: late, topOrigin: late }, true), /the disk is full/);
  await learn({ origin: late, topOrigin: late }, true);
  assert.deepEqual(await knownOrigins(), [...sites.slice(2), late]);
  // Who is seen again is the latest, and not the next to go.
  const [daily] = sites.slice(2);
  await learn({ origin: daily, topOrigin: daily }, true);
  assert.deepEqual(await knownOrigins(), [...sites.slice(3), late, daily]);
  await learn({ origin: sites[1], topOrigin: sites[1] }, true);
  assert.ok(await isKnown(daily));
});

test("what a page can say", () => {
  const session = "s";
  assert.deepEqual(readFromPage({ trien: "open", session, origin: "https://forged.example" }), { trien: "open", session, quiet: false });
  for (const quiet of [true, 1, "true"]) assert.equal(readFromPage({ trien: "open", session, quiet }).quiet, quiet === true);
  assert.deepEqual(readFromPage({ trien: "ping", session: 7 }), { trien: "ping" });
  for (const data of [null, undefined, 1, "ping", [], {}, { trien: "open" }, { trien: "open", session: "" },
    { trien: "open", session: "x".repeat(65) }, { trien: "send", session, text: {} }, { trien: "eval", session },
    { trien: "toString", session }]) {
    assert.equal(readFromPage(data), undefined, JSON.stringify(data));
  }
});

test("the manifests ask for no more than is needed, and name the ids the host knows", () => {
  const json = (path) => JSON.parse(readFileSync(new URL(path, import.meta.url)));
  const host = readFileSync(new URL("../../src/manifest.rs", import.meta.url), "utf8");
  const common = json("../manifest.json");
  assert.deepEqual(common.permissions, ["nativeMessaging", "storage"]);
  for (const more of ["host_permissions", "web_accessible_resources", "externally_connectable"]) assert.equal(common[more], undefined);
  const { key } = json("../manifest.chromium.json");
  const digest = createHash("sha256").update(Buffer.from(key, "base64")).digest("hex").slice(0, 32);
  const id = digest.replace(/./g, (digit) => String.fromCharCode(97 + parseInt(digit, 16)));
  assert.ok(host.includes(`"${id}"`), id);
  assert.ok(host.includes(`"${json("../manifest.firefox.json").browser_specific_settings.gecko.id}"`));
  for (const file of ["background.js", "content.js", "options.js"]) {
    const code = readFileSync(new URL(`../dist/chromium/${file}`, import.meta.url), "utf8");
    assert.doesNotMatch(code, /\beval\b|new Function|innerHTML|document\.write/);
  }
});
