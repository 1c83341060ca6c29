// make bench: one warm message from a page through extension, host and daemon and back, beside the same message through a
// host that only echoes it: same browser, same page, the two taking turns. So too a signature, with a pause before each as
// pages have them, less what the daemon's log says of the person, the login, the disk and the token's own calls
// (daemon/benches/bridge.py tells why): what is left is the bridge's. And how long a host takes from its start to its first answer. Prints a table in Markdown.
import { spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { launch } from "../../../testdata/portal/browsers.mjs";
import { Stage, binaries } from "../browser/stage.mjs";

const ROUNDS = Number(process.env.ROUNDS ?? 8);
const COUNT = Number(process.env.COUNT ?? 250);
const WARM_UP = 50;
/** Signatures of a round. */
const SIGNATURES = Number(process.env.SIGNATURES ?? 25);
const SIGNATURES_WARM_UP = 3;
/** Before each signature, in milliseconds: a prompt stands ready then. */
const PAUSE = 200;
// A line of log for each host that is started is no part of the table.
process.env.TRIEN_LOG ??= "warn";

/** One session of the page: so many messages and signatures, each after the answer to the one before. Milliseconds each. */
const SESSION = async ({ warmUp, count, signatures, pause }) => {
  const session = crypto.randomUUID();
  let hear = () => {};
  window.addEventListener("message", ({ data }) => data.session === session && data.trien === "message" && hear(data.message));
  const say = (message) => window.postMessage({ session, ...message }, location.origin);
  const ask = (id, method, params) => new Promise((resolve) => {
    // An echo has the id of its question too.
    hear = (message) => message.id === id && resolve(message);
    say({ trien: "send", text: JSON.stringify({ jsonrpc: "2.0", id, method, params }) });
  });
  say({ trien: "open" });
  await ask(1, "hello", { versions: [1], client: "bench" });
  const times = [];
  for (let id = 2; id < 2 + warmUp + count; id += 1) {
    const start = performance.now();
    await ask(id, "cancel", { request: 1 });
    times.push(performance.now() - start);
    // Below the extension's rate of messages.
    await new Promise((resolve) => setTimeout(resolve, 3));
  }
  // An echo knows no certificate; the digits are as many.
  const { result } = await ask(2 + warmUp + count, "certificates", {});
  const call = { certificate: result?.sha256 ?? "0".repeat(64), hash: "SHA-256", digest: btoa("\x5a".repeat(32)) };
  const signed = [];
  for (let id = 3 + warmUp + count; signed.length < signatures; id += 1) {
    await new Promise((resolve) => setTimeout(resolve, pause));
    const start = performance.now();
    const answer = await ask(id, "sign_digest", call);
    signed.push(performance.now() - start);
    if (answer.error) throw new Error(JSON.stringify(answer.error));
  }
  // By then the log has the last one.
  await new Promise((resolve) => setTimeout(resolve, pause));
  say({ trien: "close" });
  return { messages: times.slice(warmUp), signed };
};

const stage = await Stage.open({ developer: true, log: true });
try {
  const { url } = await stage.portal({ allowed: false });
  stage.trien("origin", "allow", url, "--scope", "certificates", "--scope", "blind_digest");
  const { browser, close } = await launch("chromium", { binaries, env: stage.env });
  try {
    const profile = browser.process().spawnargs.find((it) => it.startsWith("--user-data-dir=")).slice(16);
    const manifest = path.join(profile, "NativeMessagingHosts/vn.trien.host.json");
    const ours = JSON.parse(readFileSync(manifest, "utf8"));
    const hosts = { echo: path.join(binaries, "examples/echo_host"), ours: ours.path };
    const times = { echo: [], ours: [] };
    const signed = { echo: [], ours: [] };
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const [name, program] of Object.entries(hosts)) {
        // Chromium reads the manifest at every start of a host. A site may start one every two seconds.
        writeFileSync(manifest, JSON.stringify({ ...ours, path: program }));
        const page = await browser.newPage();
        await page.goto(url);
        const [signatures, pause] = [SIGNATURES_WARM_UP + SIGNATURES, PAUSE];
        const told = await page.evaluate(SESSION, { warmUp: WARM_UP, count: COUNT, signatures, pause });
        await page.close();
        times[name].push(...told.messages);
        signed[name].push(...(name === "ours" ? bridged(told.signed, stage.spans) : told.signed).slice(SIGNATURES_WARM_UP));
      }
    }
    print(times, signed, await starts(ours.path, url));
  } finally {
    await close();
  }
} finally {
  await stage.close();
}

/** What of each signature is neither the person's nor the token's or the disk's. */
function bridged(times, spans) {
  // The first question, if there is one more, was for the certificate.
  const own = spans.slice(-times.length);
  if (own.length !== times.length) throw new Error(`${times.length} signatures, ${spans.length} in the log`);
  return times.map((time, index) => Object.values(own[index]).reduce((left, part) => left - part, time));
}

/** Milliseconds from the start of a host to the daemon's answer to `hello`. */
async function starts(program, origin) {
  const times = [];
  for (let left = 30; left > 0; left -= 1) {
    const start = performance.now();
    const host = spawn(program, ["chrome-extension://jkimigkodbknlgplganhnoaekpijpohb/"], { env: { ...process.env, ...stage.env } });
    for (const message of [{ from: "extension", origin, top_origin: origin }, { jsonrpc: "2.0", id: 1, method: "hello", params: { versions: [1], client: "" } }]) {
      const body = Buffer.from(JSON.stringify(message));
      const head = Buffer.alloc(4);
      head.writeUInt32LE(body.length);
      host.stdin.write(Buffer.concat([head, body]));
    }
    await new Promise((resolve) => host.stdout.once("data", resolve));
    times.push(performance.now() - start);
    host.stdin.end();
    await new Promise((resolve) => host.once("exit", resolve));
  }
  return times;
}

function print({ echo, ours }, signed, started) {
  const at = (times, share) => [...times].sort((one, other) => one - other)[Math.floor(times.length * share)];
  const row = (what, times, base) => {
    const beyond = (share) => (base ? `${(at(times, share) - at(base, share)).toFixed(2)} ms` : "–");
    console.log(`| ${what} | ${at(times, 0.5).toFixed(2)} ms | ${at(times, 0.99).toFixed(2)} ms | ${beyond(0.5)} | ${beyond(0.99)} |`);
  };
  console.log("| native messaging, one warm message | median | p99 | beyond the echo, median | p99 |");
  console.log("|---|---|---|---|---|");
  row("page → extension → echo host → page", echo);
  row("page → extension → host → daemon → page", ours, echo);
  row("`sign_digest`'s message → echo host → page, after a pause", signed.echo);
  row("`sign_digest` through all, less person, login, disk and the token", signed.ours, signed.echo);
  row("host started → first reply", started);
  const added = [0.5, 0.99].map((share) => at(signed.ours, share) - at(signed.echo, share));
  const [median, worst] = added.map((time, index) => `${time.toFixed(2)} ms (goal ${[1, 4][index]} ms: ${time <= [1, 4][index] ? "held" : "missed"})`);
  console.log(`\nA warm signature over native messaging, added beyond the echo: median ${median}, p99 ${worst}, of ${signed.ours.length}.`);
}
