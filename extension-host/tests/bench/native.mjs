// make bench: one warm message from a page through extension, host and daemon and back, beside the same message through a
// host that only echoes it: same browser, same page, the two taking turns. And how long a host takes from its start to
// its first answer. Prints a table in Markdown.
import { spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { launch } from "../../../testdata/portal/browsers.mjs";
import { Stage, binaries } from "../browser/stage.mjs";

const ROUNDS = Number(process.env.ROUNDS ?? 8);
const COUNT = Number(process.env.COUNT ?? 250);
const WARM_UP = 50;
// A line of log for each host that is started is no part of the table.
process.env.TRIEN_LOG ??= "warn";

/** One session of the page: so many messages, each after the answer to the one before. Milliseconds each. */
const SESSION = async ({ warmUp, count }) => {
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
  say({ trien: "close" });
  return times.slice(warmUp);
};

const stage = await Stage.open({ developer: true });
try {
  const { url } = await stage.portal();
  const { browser, close } = await launch("chromium", { binaries, env: stage.env });
  try {
    const profile = browser.process().spawnargs.find((it) => it.startsWith("--user-data-dir=")).slice(16);
    const manifest = path.join(profile, "NativeMessagingHosts/vn.trien.host.json");
    const ours = JSON.parse(readFileSync(manifest, "utf8"));
    const hosts = { echo: path.join(binaries, "examples/echo_host"), ours: ours.path };
    const times = { echo: [], ours: [] };
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const [name, program] of Object.entries(hosts)) {
        // Chromium reads the manifest at every start of a host. A site may start one every two seconds.
        writeFileSync(manifest, JSON.stringify({ ...ours, path: program }));
        const page = await browser.newPage();
        await page.goto(url);
        times[name].push(...await page.evaluate(SESSION, { warmUp: WARM_UP, count: COUNT }));
        await page.close();
      }
    }
    print(times, await starts(ours.path, url));
  } finally {
    await close();
  }
} finally {
  await stage.close();
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

function print({ echo, ours }, started) {
  const at = (times, share) => [...times].sort((one, other) => one - other)[Math.floor(times.length * share)];
  const row = (what, times, base) => {
    const beyond = (share) => (base ? `${(at(times, share) - at(base, share)).toFixed(2)} ms` : "–");
    console.log(`| ${what} | ${at(times, 0.5).toFixed(2)} ms | ${at(times, 0.99).toFixed(2)} ms | ${beyond(0.5)} | ${beyond(0.99)} |`);
  };
  console.log("| native messaging, one warm message | median | p99 | beyond the echo, median | p99 |");
  console.log("|---|---|---|---|---|");
  row("page → extension → echo host → page", echo);
  row("page → extension → host → daemon → page", ours, echo);
  row("host started → first reply", started);
}
