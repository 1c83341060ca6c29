// The page to copy, in real browsers: a batch whose token is pulled in the middle, over either road; and digests.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test, { after, before } from "node:test";
import { launch } from "../../../testdata/portal/browsers.mjs";
import { Stage, binaries, dossier, elsewhere, sdk } from "./stage.mjs";

const HOST = "portal.example";
/** Of the simulator's token. */
const PIN = "12345678";
/** The token is pulled at the third signature of each start of its module, for two seconds. */
const PULLED = `[[rule]]\nfunction = "C_Sign"\nfrom = 3\ntimes = 1\ndo = "remove"\nmilliseconds = 2000\n`;
const SCOPES = ["certificates", "sign", "batch", "blind_digest"].flatMap((scope) => ["--scope", scope]);

const example = (name) => readFileSync(new URL(`../../sdk/example/${name}`, import.meta.url), "utf8");

let folder;
let files;
before(() => {
  folder = mkdtempSync(path.join(tmpdir(), "trien-batch-"));
  files = [1, 2, 3, 4].map((number) => {
    const file = path.join(folder, `Hồ sơ ${number}.pdf`);
    writeFileSync(file, Buffer.concat([readFileSync(dossier), Buffer.from("\n".repeat(number))]));
    return file;
  });
});
after(() => rmSync(folder, { recursive: true, force: true }));

/** The page to copy, on a stage whose token is pulled; what it said on the way, and in the end. */
async function opened(context, name) {
  const stage = await Stage.open({ simulation: PULLED });
  context.after(() => stage.close());
  const pages = { "/": example("index.html"), "/page.js": example("page.js"), "/sdk.js": sdk() };
  const { url, port } = await stage.site(pages, { host: HOST, allowed: false });
  stage.trien("origin", "allow", url, ...SCOPES);
  const { browser, close } = await launch(name, { binaries, env: stage.env, ...elsewhere(name, HOST, { public: port }) });
  context.after(close);
  const page = await browser.newPage();
  await page.goto(`${url}/?port=${stage.websocketPort}`);
  await page.waitForSelector("html[data-ready]");
  await page.evaluate(() => {
    const status = document.getElementById("status");
    window.said = [];
    new MutationObserver(() => window.said.push(status.textContent)).observe(status, { childList: true, characterData: true, subtree: true });
  });
  const input = await page.waitForSelector("#files");
  await input.uploadFile(...files);
  return { stage, page };
}

/** Clicks, and waits until the page is no longer busy: each item's outcome, or the code of the whole. */
async function outcome(page, button) {
  await page.click(`#${button}`);
  await page.waitForFunction(() => document.getElementById("cancel").disabled, { timeout: 60_000 });
  return page.evaluate(() => {
    const { code } = document.getElementById("status").dataset;
    return code ?? [...document.querySelectorAll("#results li")].map((item) => item.dataset.code).join(" ");
  });
}

for (const name of ["chromium", "firefox"]) {
  test(`a token that is pulled in the middle of a batch and comes back, in ${name}`, { timeout: 180_000 }, async (context) => {
    const { stage, page } = await opened(context, name);
    stage.answer("approve", { pins: [PIN, PIN] });
    assert.equal(await outcome(page, "documents"), "signed signed signed signed");
    const said = await page.evaluate(() => window.said);
    assert.ok(said.some((words) => /rút ra.*\(2\/4\)/.test(words)), said.join("\n"));
    const receipt = path.join(folder, `${name}.json`);
    writeFileSync(receipt, await page.evaluate(() => document.querySelector("#receipt pre").textContent));
    stage.trien("audit", "verify", "--receipt", receipt);
    // The digests of the same files, with the token in its place.
    assert.equal(await outcome(page, "digests"), "signed signed signed signed");
  });

  test(`a person who does not put the token back, in ${name}: what was signed is there, what was not says why`, { timeout: 180_000 }, async (context) => {
    const { stage, page } = await opened(context, name);
    stage.answer("approve", { pins: [PIN] });
    assert.equal(await outcome(page, "documents"), "signed signed cancelled batch_stopped");
    const { action, results } = stage.record.map(({ record }) => record).at(-1);
    assert.deepEqual([action, results.filter(Boolean).length], ["signed", 2], "the record has the two that were made");
  });
}
