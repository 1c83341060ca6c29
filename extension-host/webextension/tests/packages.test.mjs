import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { generateKeyPairSync, verify, createPublicKey } from "node:crypto";
import { cpSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, utimesSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "node:test";
import { fileURLToPath } from "node:url";
import { unzipSync } from "fflate";
import { crx, filesOf, idOf, updateManifest, withoutKey, writePackages, zip } from "../../packages.mjs";

const sources = fileURLToPath(new URL("../../", import.meta.url));
const dist = fileURLToPath(new URL("../dist/", import.meta.url));
const key = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;

/** A folder that goes with the test. */
function folder(context) {
  const made = mkdtempSync(path.join(tmpdir(), "trien-packages-"));
  context.after(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

test("the same sources and key give the same bytes", (context) => {
  const [one, other] = [folder(context), folder(context)];
  writePackages({ out: one, key });
  writePackages({ out: other, key });
  const names = readdirSync(one).sort();
  assert.deepEqual(names.map((name) => path.extname(name)), [".crx", ".zip", ".xpi", ".xml"]);
  for (const name of names) assert.ok(readFileSync(path.join(one, name)).equals(readFileSync(path.join(other, name))), name);
});

test("built twice from clean, in different folders at different times, the extension and the packages are the same bytes", (context) => {
  const made = ["a", "a deeper one/b"].map((name) => {
    const copy = path.join(folder(context), name);
    const wanted = (file) => !["dist", "node_modules"].includes(path.basename(file));
    cpSync(sources, copy, { recursive: true, filter: wanted });
    symlinkSync(path.join(sources, "node_modules"), path.join(copy, "node_modules"));
    // What the mock's texts are made of lies beside this folder.
    for (const beside of ["daemon/messages", "daemon/protocol/schema"]) {
      cpSync(path.join(sources, "..", beside), path.join(copy, "..", beside), { recursive: true });
    }
    assert.ok(!existsSync(path.join(copy, "webextension/dist")) && !existsSync(path.join(copy, "sdk/dist")));
    const env = { ...process.env, TRIEN_CRX_KEY: key.export({ type: "pkcs8", format: "pem" }), TZ: name === "a" ? "UTC" : "Asia/Ho_Chi_Minh" };
    const run = (...words) => execFileSync(process.execPath, words, { cwd: copy, env, stdio: ["ignore", "ignore", "inherit"] });
    run("build.mjs");
    run("packages.mjs", "--out", path.join(copy, "packages"));
    return { packages: filesOf(path.join(copy, "packages")), extension: filesOf(path.join(copy, "webextension/dist")), library: filesOf(path.join(copy, "sdk/dist")) };
  });
  const [one, other] = made;
  assert.equal(Object.keys(one.packages).length, 4);
  for (const kind of Object.keys(one)) {
    assert.deepEqual(Object.keys(one[kind]), Object.keys(other[kind]));
    for (const [name, bytes] of Object.entries(one[kind])) assert.ok(bytes.equals(other[kind][name]), `${kind}: ${name}`);
  }
});

test("times, modes and the order of a folder change nothing", (context) => {
  const copy = path.join(folder(context), "copy");
  cpSync(path.join(dist, "chromium"), copy, { recursive: true });
  for (const name of readdirSync(copy)) utimesSync(path.join(copy, name), 1, 1);
  assert.ok(zip(filesOf(copy)).equals(zip(filesOf(path.join(dist, "chromium")))));
});

test("the packages hold the extension, and nothing but it", (context) => {
  const { zip: chromium, xpi: firefox } = writePackages({ out: folder(context), key });
  for (const [file, browser] of [[chromium, "chromium"], [firefox, "firefox"]]) {
    const inside = unzipSync(readFileSync(file));
    const built = filesOf(path.join(dist, browser));
    assert.deepEqual(Object.keys(inside).sort(), Object.keys(built).sort());
    for (const name of Object.keys(built)) {
      if (name !== "manifest.json") assert.ok(Buffer.from(inside[name]).equals(built[name]), name);
    }
    const manifest = JSON.parse(Buffer.from(inside["manifest.json"]));
    assert.equal(manifest.key, undefined, "the stores refuse it");
    assert.equal(manifest.manifest_version, 3);
  }
});

test("a CRX says whose it is, and its signature covers the archive", () => {
  const archive = zip(withoutKey(filesOf(path.join(dist, "chromium"))));
  const package_ = crx(archive, key);
  assert.deepEqual([package_.toString("latin1", 0, 4), package_.readUInt32LE(4)], ["Cr24", 3]);
  const header = package_.subarray(12, 12 + package_.readUInt32LE(8));
  assert.ok(package_.subarray(12 + header.length).equals(archive));
  const spki = createPublicKey(key).export({ type: "spki", format: "der" });
  const at = header.indexOf(spki) + spki.length;
  // Tag and two bytes of length of a 256-byte field.
  const signature = header.subarray(at + 3, at + 3 + 256);
  const signedData = header.subarray(-18);
  const signed = Buffer.concat([Buffer.from("CRX3 SignedData\0"), Buffer.from([18, 0, 0, 0]), signedData, archive]);
  assert.ok(verify("sha256", signed, createPublicKey(key), signature));
  const id = [...signedData.subarray(2).toString("hex")].map((digit) => String.fromCharCode(97 + parseInt(digit, 16))).join("");
  assert.equal(id, idOf(key));
  assert.match(updateManifest(id, "1.2.3", "https://a.example/trien.crx"), new RegExp(`appid="${id}"[^]*version="1.2.3"`));
});
