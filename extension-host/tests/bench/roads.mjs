// make bench: one RSA-2048 signature asked for by a page, on both roads, beside the bare C_Sign of the same module with
// the same key, all in one run. Prints a table in Markdown.
//
// The page's way contains all that a person's request contains: policy, the record on disk (three times, synced), the
// question (answered by the scripted prompter, a process of its own as the window is), the PIN through its pipe,
// C_Login with its Argon2id, C_Sign, the check of the signature, and the reply.
import { execFileSync } from "node:child_process";
import path from "node:path";
import { launch } from "../../../testdata/portal/browsers.mjs";
import { Stage, binaries } from "../browser/stage.mjs";

const COUNT = Number(process.env.COUNT ?? 60);
const WARM_UP = 5;

const stage = await Stage.open({ developer: true });
try {
  const { url } = await stage.portal({ allowed: false });
  stage.trien("origin", "allow", url, "--scope", "certificates", "--scope", "blind_digest");
  const before = bare();
  const roads = {};
  const { browser, close } = await launch("chromium", { binaries, env: stage.env });
  try {
    for (const road of ["extension", "websocket"]) roads[road] = await throughPage(browser, url, road);
  } finally {
    await close();
  }
  const after = bare();
  print({ sign: Math.min(before.sign_ms, after.sign_ms), login: Math.min(before.login_and_sign_ms, after.login_and_sign_ms) }, roads);
} finally {
  await stage.close();
}

function bare() {
  const program = path.join(binaries, "examples", "bare_signature");
  const module = path.join(binaries, "libtrien_pkcs11.so");
  const output = execFileSync(program, [module, stage.tokenLabel, stage.pinFile, String(COUNT)], {
    encoding: "utf8", env: { ...process.env, ...stage.env }, stdio: ["ignore", "pipe", "inherit"],
  });
  return JSON.parse(output.trim().split("\n").at(-1));
}

/** Milliseconds of each signature, as the page's clock has them. */
async function throughPage(browser, url, road) {
  const page = await browser.newPage();
  try {
    await page.goto(url);
    const times = await page.evaluate(async ({ road, port, rounds }) => {
      const { Trien } = await import("/sdk.js");
      const trien = await Trien.connect({ roads: [road], port });
      const { sha256: certificate } = await trien.certificates();
      const digest = new Uint8Array(32).fill(0x5a);
      const times = [];
      for (let round = 0; round < rounds; round += 1) {
        const start = performance.now();
        await trien.signDigest({ certificate, hash: "SHA-256", digest });
        times.push(performance.now() - start);
      }
      trien.close();
      return times;
    }, { road, port: stage.websocketPort, rounds: WARM_UP + COUNT });
    return times.slice(WARM_UP).sort((one, other) => one - other);
  } finally {
    await page.close();
  }
}

function print({ sign, login }, roads) {
  const at = (times, share) => times[Math.floor(times.length * share)];
  const row = (what, median, p95) => {
    const ratio = `${(median / sign).toFixed(1)}×`;
    const added = median - login > 0.005 ? `${(median - login).toFixed(1)} ms` : "–";
    console.log(`| ${what} | ${median.toFixed(2)} ms | ${p95 ? `${p95.toFixed(2)} ms` : "–"} | ${ratio} | ${added} |`);
  };
  console.log("| one RSA-2048 signature | median | p95 | ratio to `C_Sign` | added to `C_Login` + `C_Sign` |");
  console.log("|---|---|---|---|---|");
  row("bare `C_Sign`", sign);
  row("bare `C_Login` + `C_Sign`", login);
  row("page → extension → daemon → token → page", at(roads.extension, 0.5), at(roads.extension, 0.95));
  row("page → WebSocket → daemon → token → page", at(roads.websocket, 0.5), at(roads.websocket, 0.95));
}
