// What a portal developer gets: sizes, dependencies, documents.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { gzipSync } from "node:zlib";

const read = (name) => readFileSync(new URL(`../${name}`, import.meta.url), "utf8");

test("the library is small, and needs nothing", () => {
  const library = read("dist/index.js");
  const size = gzipSync(library, { level: 9 }).length;
  assert.ok(size < 12 * 1024, `${size} bytes`);
  assert.doesNotMatch(library, /^\s*import\b|\brequire\(/m);
  assert.doesNotMatch(library, /mock/, "the mock is a file of its own");
  const { dependencies, type, exports } = JSON.parse(read("package.json"));
  assert.deepEqual([dependencies, type, Object.keys(exports)], [undefined, "module", [".", "./mock"]]);
});

test("every exported name is in the API document, with its declaration", async () => {
  const document = read("dist/API.md");
  for (const name of Object.keys(await import("../dist/index.js"))) assert.match(document, new RegExp(`^### ${name}\\n[^]*?class ${name} `, "m"));
  for (const name of ["SignDocumentsOptions", "ErrorCode", "DocumentBytes", "MockOptions", "playTrien"]) {
    assert.match(document, new RegExp(`^### ${name}\\n`, "m"), name);
  }
  assert.match(document, /bad_nonce/);
});
