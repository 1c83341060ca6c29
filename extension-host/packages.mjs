#!/usr/bin/env node
// Packs the built extension for the stores and for policy installs. The same sources and key give the same bytes.
//
//   packages.mjs [--out DIR] [--crx-url URL]
//
//   trien-VERSION-chromium.zip   for the Chrome Web Store and Edge Add-ons, which sign it themselves
//   trien-VERSION-firefox.xpi    for addons.mozilla.org, which signs it
//   trien-VERSION-chromium.crx   for installs by policy, signed with TRIEN_CRX_KEY (a PEM text) or the key in the file
//                                that TRIEN_CRX_KEY_FILE names; without either, with a demo key made on the fly. An id of one's
//                                own is let in by `trien-extension-host install --extension-id ID`
//   update.xml                   what ExtensionInstallForcelist points to; --crx-url says where the .crx will lie
import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, sign } from "node:crypto";
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { zipSync } from "fflate";

const here = fileURLToPath(new URL(".", import.meta.url));

/** The first moment a ZIP can name, in the local time that the writer takes it for. */
const NO_TIME = new Date(1980, 0, 1);

/** Regular file, rw-r--r--, as Unix writes it into a ZIP's external attributes (APPNOTE 4.4.15). */
const ATTRIBUTES = 0o100644 << 16;

/** Every file below `folder`, by its path with slashes, in the order of the code points. */
export function filesOf(folder) {
  const names = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(folder, path.join(entry.parentPath ?? entry.path, entry.name)).split(path.sep).join("/"));
  return Object.fromEntries(names.sort().map((name) => [name, readFileSync(path.join(folder, name))]));
}

/** A ZIP that depends on names and contents alone. */
export function zip(files) {
  const options = { level: 9, mtime: NO_TIME, os: 3, attrs: ATTRIBUTES };
  return Buffer.from(zipSync(Object.fromEntries(Object.entries(files).map(([name, bytes]) => [name, [bytes, options]]))));
}

/** The stores refuse the field by which an unpacked extension gets its id; in a CRX the id is that of its key. */
export function withoutKey(files) {
  const { key, ...manifest } = JSON.parse(files["manifest.json"]);
  return { ...files, "manifest.json": Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`) };
}

/** The extension id of a public key: the first 128 bits of its SHA-256, in the letters a to p. */
export function idOf(key) {
  const hex = createHash("sha256").update(spki(key)).digest("hex").slice(0, 32);
  return hex.replace(/./g, (digit) => String.fromCharCode(97 + parseInt(digit, 16)));
}

/** CRX3: "Cr24", version and header length, a protobuf `CrxFileHeader` (components/crx_file/crx3.proto), the ZIP. */
export function crx(archive, key) {
  const publicKey = spki(key);
  const id = createHash("sha256").update(publicKey).digest().subarray(0, 16);
  const signedData = field(1, id);
  const signature = sign("sha256", Buffer.concat([Buffer.from("CRX3 SignedData\0"), u32(signedData.length), signedData, archive]), key);
  const header = Buffer.concat([field(2, Buffer.concat([field(1, publicKey), field(2, signature)])), field(10_000, signedData)]);
  return Buffer.concat([Buffer.from("Cr24"), u32(3), u32(header.length), header, archive]);
}

function spki(key) {
  return createPublicKey(key).export({ type: "spki", format: "der" });
}

function u32(number) {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(number);
  return bytes;
}

/** A length-delimited protobuf field. */
function field(number, bytes) {
  return Buffer.concat([varint((number << 3) | 2), varint(bytes.length), bytes]);
}

function varint(number) {
  const bytes = [];
  for (; number > 127; number >>>= 7) bytes.push((number & 127) | 128);
  return Buffer.from([...bytes, number]);
}

/** The Omaha update manifest, version 2.0. */
export function updateManifest(id, version, url) {
  return `<?xml version="1.0" encoding="UTF-8"?>
<gupdate xmlns="http://www.google.com/update2/response" protocol="2.0">
  <app appid="${id}">
    <updatecheck codebase="${url}" version="${version}"/>
  </app>
</gupdate>
`;
}

function signingKey() {
  const { TRIEN_CRX_KEY, TRIEN_CRX_KEY_FILE } = process.env;
  const pem = TRIEN_CRX_KEY || (TRIEN_CRX_KEY_FILE && readFileSync(TRIEN_CRX_KEY_FILE));
  if (!pem) {
    console.warn("TRIEN_CRX_KEY and TRIEN_CRX_KEY_FILE are not set: the .crx is signed with a demo key");
    return generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
  }
  const key = createPrivateKey(pem);
  if (key.asymmetricKeyType !== "rsa" || key.asymmetricKeyDetails.modulusLength < 2048) {
    throw new Error("the key of the .crx must be RSA of at least 2048 bits");
  }
  return key;
}

/** Writes the packages into `out` and returns their paths and the id of the .crx. */
export function writePackages({ out, key, crxUrl = "https://example.invalid/trien.crx" }) {
  const chromium = withoutKey(filesOf(path.join(here, "webextension/dist/chromium")));
  const { version } = JSON.parse(chromium["manifest.json"]);
  const archive = zip(chromium);
  const id = idOf(key);
  mkdirSync(out, { recursive: true });
  const write = (name, bytes) => {
    const file = path.join(out, name);
    writeFileSync(file, bytes);
    return file;
  };
  return {
    id,
    version,
    zip: write(`trien-${version}-chromium.zip`, archive),
    xpi: write(`trien-${version}-firefox.xpi`, zip(filesOf(path.join(here, "webextension/dist/firefox")))),
    crx: write(`trien-${version}-chromium.crx`, crx(archive, key)),
    update: write("update.xml", updateManifest(id, version, crxUrl)),
  };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const text = { type: "string" };
  const { values } = parseArgs({ options: { out: { ...text, default: path.join(here, "../target/extension") }, "crx-url": text } });
  const written = writePackages({ out: values.out, key: signingKey(), crxUrl: values["crx-url"] });
  console.log(Object.values(written).filter((value) => value.includes(path.sep)).join("\n"));
  console.log(`id of the .crx: ${written.id}`);
}
