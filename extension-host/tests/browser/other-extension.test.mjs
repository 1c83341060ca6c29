// Who packs the extension with a key of his own has an id of his own. A real browser lets it start the host where that was
// installed for it by name, and nowhere else.
import assert from "node:assert/strict";
import { createHash, generateKeyPairSync } from "node:crypto";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test, { after, before } from "node:test";
import { fileURLToPath } from "node:url";
import { launch, signOnPage } from "../../../testdata/portal/browsers.mjs";
import { CHROMIUM_ID } from "./background.mjs";
import { Stage, binaries, elsewhere } from "./stage.mjs";

const HOST = "portal.example";
const released = fileURLToPath(new URL("../../webextension/dist/chromium", import.meta.url));

let stage;
let folder;
let portal;
before(async () => {
  folder = mkdtempSync(path.join(tmpdir(), "trien-other-"));
  stage = await Stage.open();
  portal = await stage.portal({ host: HOST });
});
after(async () => {
  await stage?.close();
  if (folder) rmSync(folder, { recursive: true, force: true });
});

/** The released extension with another key in its manifest, and the id that follows from it: the first half of the key's SHA-256, its digits as letters from a to p. */
function packedBySomebody() {
  const { publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const der = publicKey.export({ type: "spki", format: "der" });
  const digits = createHash("sha256").update(der).digest("hex").slice(0, 32);
  const id = digits.replace(/./g, (digit) => "abcdefghijklmnop"[Number.parseInt(digit, 16)]);
  const unpacked = path.join(folder, id);
  cpSync(released, unpacked, { recursive: true });
  const file = path.join(unpacked, "manifest.json");
  const manifest = JSON.parse(readFileSync(file, "utf8"));
  writeFileSync(file, JSON.stringify({ ...manifest, key: der.toString("base64") }));
  return { id, extension: unpacked };
}

/** What a page is told that signs through this extension, where the host was installed with these words. */
async function signed(extension, host) {
  const { browser, close } = await launch("chromium", { binaries, env: stage.env, extension, host, ...elsewhere("chromium", HOST) });
  try {
    const { state, road, code, detail } = await signOnPage(browser, portal.url, { road: "extension", click: true });
    return state === "done" ? `${state} ${road}` : `${code} ${detail}`;
  } finally {
    await close();
  }
}

test("an extension of another id is answered by the host that was installed for it, and by no other", { timeout: 240_000 }, async () => {
  const { id, extension } = packedBySomebody();
  assert.notEqual(id, CHROMIUM_ID);
  const other = packedBySomebody();
  assert.equal(await signed(extension, ["--extension-id", id]), "done extension");
  const forbidden = "blocked_by_browser extension: host_forbidden";
  assert.equal(await signed(extension, []), forbidden);
  assert.equal(await signed(extension, ["--extension-id", other.id]), forbidden);
  // The released one is answered beside it.
  assert.equal(await signed(true, ["--extension-id", id]), "done extension");
});
