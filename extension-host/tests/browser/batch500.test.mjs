// The largest batch, from a page in real browsers over either road: 500 documents, and 500 digests.
import assert from "node:assert/strict";
import { createHash, verify, X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test, { after, before } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { launch } from "../../../testdata/portal/browsers.mjs";
import { Stage, binaries, elsewhere, sdk } from "./stage.mjs";

const HOST = "portal.example";
const COUNT = 500;
const SCOPES = ["certificates", "sign", "batch", "blind_digest"].flatMap((scope) => ["--scope", scope]);

/** Makes small PDFs of one page each (ISO 32000-1, 7.5), signs them or digests, and keeps what it hears on the way. */
const PAGE = `<!doctype html><title>Cổng</title><script type="module">
  import { Trien } from "/sdk.js";
  const pdf = (number) => {
    let text = "%PDF-1.4\\n";
    const offsets = [];
    const content = "BT /F 24 Tf 60 700 Td (Ho so " + number + ") Tj ET";
    for (const body of [
      "<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Kids[3 0 R]/Count 1>>",
      "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>>>",
      "<</Length " + content.length + ">>\\nstream\\n" + content + "\\nendstream", "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]) {
      offsets.push(text.length);
      text += offsets.length + " 0 obj\\n" + body + "\\nendobj\\n";
    }
    const table = offsets.map((offset) => String(offset).padStart(10, "0") + " 00000 n \\n").join("");
    return new TextEncoder().encode(text + "xref\\n0 6\\n0000000000 65535 f \\n" + table + "trailer\\n<</Size 6/Root 1 0 R>>\\nstartxref\\n" + text.length + "\\n%%EOF\\n");
  };
  const base64 = (bytes) => btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
  const work = {
    documents: async (trien, onProgress) => {
      const documents = Array.from({ length: ${COUNT} }, (_, number) => ({ name: "Hồ sơ " + number + ".pdf", bytes: pdf(number) }));
      const signed = await trien.signDocuments({ documents, format: "pades", onProgress });
      const results = signed.documents.map(({ name, bytes, error }, number) => ({ name, error: error?.code, grown: bytes?.length - documents[number].bytes.length }));
      const some = [0, 249, 499].map((number) => base64(signed.documents[number].bytes));
      return { results, some, receipt: signed.receipt };
    },
    digests: async (trien, onProgress) => {
      const { sha256, certificate } = await trien.certificates();
      const digests = await Promise.all(Array.from({ length: ${COUNT} }, async (_, number) => {
        const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode("Hồ sơ " + number)));
        return { name: "Hồ sơ " + number, digest };
      }));
      const signed = await trien.signDigests({ certificate: sha256, hash: "SHA-256", digests, onProgress });
      return { results: signed.signatures.map(({ name, error, signature }) => ({ name, error: error?.code, signature })), receipt: signed.receipt, certificate };
    },
  };
  // Looked at from time to time: who drives a browser does not wait for ever for one answer.
  window.begin = async (kind, road, port) => {
    window.outcome = undefined;
    const reports = [];
    const trien = await Trien.connect({ roads: [road], port });
    window.outcome = await work[kind](trien, ({ stage, done, total }) => reports.push([stage, done, total])).then(
      (done) => ({ ...done, reports }), ({ code, detail }) => ({ failed: code + " " + detail }));
    trien.close();
  };
</script>`;

let stage;
let folder;
before(async () => {
  folder = mkdtempSync(path.join(tmpdir(), "trien-batch-500-"));
  stage = await Stage.open();
});
after(async () => {
  await stage?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Each stage's reports go up to all of it, and none is told backwards. */
function rises(reports, stage, total) {
  const own = reports.filter(([of]) => of === stage);
  assert.ok(own.length > 0, stage);
  for (const [, done, all] of own) assert.ok(all === total && done <= total, `${stage} ${done}/${all} of ${total}`);
  for (let at = 1; at < own.length; at += 1) assert.ok(own[at][1] >= own[at - 1][1], `${stage} ${own[at - 1][1]} ${own[at][1]}`);
  return own;
}

for (const name of ["chromium", "firefox"]) {
  test(`a batch of 500 from a page in ${name}`, { timeout: 900_000 }, async (context) => {
    const { url } = await stage.site({ "/": PAGE, "/sdk.js": sdk() }, { host: HOST, allowed: false });
    stage.trien("origin", "allow", url, ...SCOPES);
    const { browser, close } = await launch(name, { binaries, env: stage.env, ...elsewhere(name, HOST) });
    context.after(close);
    const page = await browser.newPage();
    await page.goto(url);
    await page.waitForFunction(() => window.begin !== undefined);
    for (const road of ["extension", "websocket"]) {
      for (const kind of ["documents", "digests"]) {
        await context.test(`${kind} over the ${road}`, async () => {
          const since = stage.record.length;
          const began = Date.now();
          await page.evaluate((...words) => void window.begin(...words), kind, road, stage.websocketPort);
          let outcome;
          while ((outcome = await page.evaluate(() => window.outcome)) === undefined) await pause(300);
          context.diagnostic(`${kind} over the ${road}: ${Date.now() - began} ms`);
          const { results, some, receipt, certificate, reports, failed } = outcome;
          assert.equal(failed, undefined);
          // Each has its result, in its place.
          const ending = kind === "documents" ? ".pdf" : "";
          assert.deepEqual(results.map(({ name, error }) => [name, error]), Array.from({ length: COUNT }, (_, number) => [`Hồ sơ ${number}${ending}`, undefined]));
          // One question, one PIN; and the page hears how far it is.
          const question = kind === "digests" ? ["asked", "shared"] : [];
          assert.deepEqual(stage.record.slice(since).map(({ record }) => record.action), [...question, "asked", "approved", "signed"]);
          const signing = rises(reports, "signing", COUNT);
          assert.ok(signing.some(([, done]) => done > 0 && done < COUNT), "it is heard of on the way");
          // The record bears out what the page was told.
          assert.ok(receipt.results.length === COUNT && receipt.results.every((result) => /^[0-9a-f]{64}$/.test(result)));
          const file = path.join(folder, "receipt.json");
          writeFileSync(file, JSON.stringify(receipt));
          assert.match(stage.trien("--lang", "en", "audit", "verify", "--receipt", file), /500 signatures/);
          writeFileSync(file, JSON.stringify({ ...receipt, results: [...receipt.results].reverse() }));
          assert.throws(() => stage.trien("audit", "verify", "--receipt", file), "another receipt");
          if (kind === "documents") {
            assert.ok(results.every(({ grown }) => grown > 1000));
            rises(reports, "uploading", reports.find(([of]) => of === "uploading")[2]);
            rises(reports, "downloading", reports.find(([of]) => of === "downloading")[2]);
            for (const [place, text] of some.entries()) {
              const signed = path.join(folder, `${place}.pdf`);
              const bytes = Buffer.from(text, "base64");
              writeFileSync(signed, bytes);
              assert.equal(createHash("sha256").update(bytes).digest("hex"), receipt.results[[0, 249, 499][place]]);
              assert.match(stage.trien("verify", "--trust", stage.trust, "--json", signed), /Nguyễn Văn An/);
            }
          } else {
            const { publicKey } = new X509Certificate(Buffer.from(certificate, "base64"));
            for (const [number, { signature }] of results.entries()) {
              assert.ok(verify("sha256", Buffer.from(`Hồ sơ ${number}`), publicKey, Buffer.from(signature, "base64")), String(number));
            }
          }
        });
      }
    }
  });
}
