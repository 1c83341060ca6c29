// What a test in a real browser needs: a throw-away TRIEN_HOME with a software token and a certificate on it, the real
// daemon, and the demo portal. TRIEN_BIN_DIR names the folder of the programs; else it is cargo's.
// TRIEN_STAGE_TEMPLATE names an empty folder, in which the first stage leaves its token for the others.
import { execFileSync, spawn } from "node:child_process";
import {
  closeSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync,
} from "node:fs";
import http from "node:http";
import https from "node:https";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { startPortal } from "../../../testdata/portal/server.mjs";
import { freePort } from "../peer/peer.mjs";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const pki = path.join(root, "testdata/pki");

export const binaries = path.resolve(
  process.env.TRIEN_BIN_DIR ?? path.join(process.env.CARGO_TARGET_DIR ?? path.join(root, "target"), "debug"),
);
export const dossier = path.join(root, "testdata/documents/dossier.pdf");

/** The page's library, or its `mock`, as the build made it. */
export const sdk = (part = "index") => readFileSync(path.join(root, `extension-host/sdk/dist/${part}.js`), "utf8");

/** A Python with the package `cryptography`, and what judges a token of Web eID with it. */
const judge = [path.join(root, "target/judges/bin/python"), "-B", path.join(root, "daemon/tests/judges/web_eid.py")];

/** What a browser needs so that `host`, or each of several, is this computer, whatever the port; and, for `public`, so that it takes the page for one of the Internet. */
export function elsewhere(name, host, { public: port } = {}) {
  const hosts = [host].flat();
  if (name === "firefox") {
    const override = port ? { "network.lna.address_space.public.override": `127.0.0.1:${port}` } : {};
    return { preferences: { "network.dns.localDomains": hosts.join(","), ...override } };
  }
  const override = port ? [`--ip-address-space-overrides=127.0.0.1:${port}=public`] : [];
  return { args: [`--host-resolver-rules=${hosts.map((one) => `MAP ${one} 127.0.0.1`).join(", ")}`, ...override] };
}

/** Says yes to the browser's question whether a site may reach programs on this computer, as long as the browser runs. Firefox asks none for sockets. */
export async function permitLoopback(name, browser, origin) {
  if (name === "firefox") return;
  const session = await browser.target().createCDPSession();
  await session.send("Browser.setPermission", { origin, permission: { name: "loopback-network" }, setting: "granted" });
}

/** How long the daemon may take to be ready or to end, in milliseconds. */
const PATIENCE = 20_000;

const PIN = "24681357";
const SUBJECT = "C=VN,ST=Thành phố Hồ Chí Minh,CN=Nguyễn Văn An,UID=CCCD:079085000123";

/** What runs a program where the text in POLICY is the administrator's policy. */
const UNDER_POLICY = ["unshare", "--map-root-user", "--mount", "sh", "-euc", `
  mount -t tmpfs -o mode=755 none /mnt
  cp /etc/ld.so.cache /etc/passwd /etc/group /mnt
  mkdir /mnt/trien
  printf %s "$POLICY" > /mnt/trien/policy.toml
  chmod 644 /mnt/trien/policy.toml
  mount --move /mnt /etc
  unset POLICY
  exec "$@"`, "sh"];

export class Stage {
  #folder = mkdtempSync(path.join(tmpdir(), "trien-stage-"));
  #portals = [];
  #daemon;
  #display;
  #simulation;
  #developer;
  #environment;
  #seconds;
  #log;

  /**
   * With `display`, the daemon asks with its window on that X display; else a script says yes to everything. `simulation` is a
   * script for `trien daemon --simulate`: its tokens in place of this stage's, whose PIN is the simulator's usual one. Only
   * with `developer` may pages of http://127.0.0.1 ask. `environment` is the daemon's, beside this process's own. `seconds` is how
   * long a question is open. With `log`, what the daemon says of its work goes to `spans` and `log`. Of the
   * `leaves` that testdata/pki/leaves.sh knows, key and certificate lie in `pki/leaves/NAME`, beside the script.
   */
  static async open({
    daemon = true, display, simulation, leaves = [], developer = false, environment = {}, seconds, log = false,
  } = {}) {
    const stage = new Stage();
    stage.#developer = developer;
    stage.#environment = environment;
    stage.#seconds = seconds;
    stage.#log = log && { file: stage.#file("daemon.log"), seen: 0 };
    stage.#display = display;
    try {
      stage.websocketPort = await freePort();
      stage.#prepare();
      // After what is copied from the first stage, which may have had a script of its own.
      if (simulation) {
        stage.#simulation = stage.#file("simulation.toml");
        writeFileSync(stage.#simulation, simulation);
      }
      if (leaves.length > 0) run(path.join(pki, "leaves.sh"), [stage.#file("pki"), ...leaves]);
      if (daemon) await stage.startDaemon();
      return stage;
    } catch (error) {
      await stage.close();
      throw error;
    }
  }

  get home() {
    return path.join(this.#folder, "home");
  }

  /** A folder with the trust anchor alone, as a receiving office has it. */
  get trust() {
    return path.join(this.#folder, "pki/trust");
  }

  /** Of the software token, for who signs without a browser. */
  get tokenLabel() {
    return "Thử";
  }

  /** The token's PIN, for who types it. */
  get pin() {
    return PIN;
  }

  /** Holds the token's PIN. */
  get pinFile() {
    return this.#file("pin");
  }

  /** What a browser's environment adds, so that the native host finds this daemon. */
  get env() {
    return { TRIEN_HOME: this.home };
  }

  /** Keys and certificates take seconds to make; test files that run one after the other may share them. */
  #prepare() {
    const template = process.env.TRIEN_STAGE_TEMPLATE;
    if (template && existsSync(path.join(template, "home"))) {
      run("cp", ["-a", `${template}/.`, this.#folder]);
    } else {
      this.#make();
      if (template) run("cp", ["-a", `${this.#folder}/.`, template]);
    }
    const patience = this.#seconds === undefined ? "" : `[prompt]\nseconds = ${this.#seconds}\n`;
    const config = `developer = ${this.#developer}\n[websocket]\nport = ${this.websocketPort}\n${patience}`;
    writeFileSync(path.join(this.home, "config/config.toml"), config);
    this.answer("approve");
  }

  #make() {
    const config = path.join(this.home, "config");
    mkdirSync(path.join(config, "trust"), { recursive: true });
    writeFileSync(this.pinFile, PIN, { mode: 0o600 });
    this.#makeToken();
    for (const name of ["root.pem", "ca.pem"]) copyFileSync(this.#file(`pki/${name}`), path.join(config, "trust", name));
  }

  /**
   * What the script says to every question from now on: `approve`, `refuse`, or `hang`, which never answers; `pins` are typed
   * one after the other; `road` answers only what comes so: `extension` or `web_socket`, if it is a browser that sends it. With
   * `introduce`, also to the question whether a page that is new here may ask at all, with these `permissions` or those that are
   * ticked beforehand; else there is nobody to answer it.
   */
  answer(decision, { introduce = false, permissions, pins = [PIN], road } = {}) {
    const answer = `decision = "${decision}"\npins = ${JSON.stringify(pins)}\nrepeat = true\n${road ? `road = "${road}"\n` : ""}`;
    const ticked = permissions ? `permissions = ${JSON.stringify(permissions)}\n` : "";
    const first = introduce ? `[[answer]]\nkind = "allow_origin"\n${answer}${ticked}` : "";
    // A prompter that is just starting reads the old script or the new one, never half of one.
    writeFileSync(this.#file("answers.part"), `${first}[[answer]]\n${answer}`);
    renameSync(this.#file("answers.part"), this.#file("answers.toml"));
  }

  /** What the record says was done, in order. */
  get record() {
    const text = readFileSync(path.join(this.home, "data/audit.jsonl"), "utf8");
    // Of an entry that is just being written there may be a part: the file grows by the page, as the system copies it.
    const whole = text.slice(0, text.lastIndexOf("\n") + 1);
    return whole.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line));
  }

  /** What the daemon has logged, where that is kept. */
  get log() {
    return readFileSync(this.#log.file, "utf8");
  }

  /**
   * What the log says of each request with a signature since the last call: milliseconds of the person, of the token before the
   * PIN, at the login and at the signature, and of the record on the disk.
   */
  get spans() {
    const text = readFileSync(this.#log.file, "utf8").replaceAll(/\x1b\[[0-9;]*m/g, "");
    const fresh = text.slice(this.#log.seen);
    this.#log.seen = text.length;
    const parts = ["person", "opening", "login", "signing", "record"];
    const line = new RegExp(parts.map((part) => `${part}_us=(\\d+)`).join(" "), "g");
    const spans = [...fresh.matchAll(line)].map(([, ...times]) =>
      Object.fromEntries(parts.map((part, index) => [part, Number(times[index]) / 1000])),
    );
    // Where only a certificate was shared, nothing was signed.
    return spans.filter((span) => span.signing > 0);
  }

  #makeToken() {
    const token = ["--token", this.tokenLabel];
    const pin = ["--pin-file", this.pinFile];
    const [request, certificate] = [this.#file("request.pem"), this.#file("certificate.pem")];
    run(path.join(pki, "generate.sh"), [this.#file("pki")]);
    this.trien("token", "init", "--label", this.tokenLabel, ...pin, "--so-pin-file", this.pinFile);
    this.trien("token", "generate-key", ...token, "--algorithm", "rsa:2048", "--label", "ký", ...pin);
    this.trien("token", "request", ...token, "--key", "ký", "--subject", SUBJECT, "--out", request, ...pin);
    run(path.join(pki, "issue.sh"), [this.#file("pki"), "citizen", request, certificate]);
    this.trien("token", "install", ...token, "--cert", certificate, ...pin);
  }

  #file(name) {
    return path.join(this.#folder, name);
  }

  /** Runs `trien` with these words and returns its standard output. */
  trien(...words) {
    return run(path.join(binaries, "trien"), words, { ...process.env, ...this.env });
  }

  /** A portal's check of a token to sign in with, by other people's cryptography: its subject. Throws if it proves nothing. */
  signedIn(token, origin, nonce) {
    const file = this.#file("token.json");
    writeFileSync(file, JSON.stringify(token));
    const anchors = ["root.pem", "ca.pem"].map((name) => path.join(this.home, "config/trust", name));
    const [program, ...words] = judge;
    return run(program, [...words, file, origin, nonce, ...anchors]);
  }

  allow(origin) {
    this.trien("origin", "allow", origin, "--until", "never");
  }

  /** The daemon's process. */
  get daemonId() {
    return this.#daemon?.pid;
  }

  /** The processes in which the script is being asked something now: where there is one, a person would see a window. */
  get asking() {
    return processesBelow(this.daemonId, "trien-asking");
  }

  /** Waits until nobody is asked: a page has its reply a moment before the process that asked for it is gone. */
  async quiet() {
    for (const start = Date.now(); this.asking.length > 0; await pause(20)) {
      if (Date.now() - start > PATIENCE) throw new Error("a question stays");
    }
  }

  /** With `policy`, where that is the administrator's: in a mount namespace of its own, whose `/etc` has little else. */
  async startDaemon({ policy } = {}) {
    // One that a test has left which failed: a second would not start, and this process not end while it runs.
    await this.stopDaemon();
    const script = ["--prompter", `scripted:${this.#file("answers.toml")}`];
    const words = ["daemon", ...(this.#display ? [] : script), ...(this.#simulation ? ["--simulate", this.#simulation] : [])];
    const display = this.#display && { DISPLAY: this.#display, WAYLAND_DISPLAY: "" };
    const log = this.#log ? openSync(this.#log.file, "a") : "inherit";
    const level = this.#log && { TRIEN_LOG: "trien=debug" };
    const [program, ...before] = [...(policy === undefined ? [] : UNDER_POLICY), path.join(binaries, "trien")];
    const daemon = spawn(program, [...before, ...words], {
      env: { ...process.env, ...this.env, ...this.#environment, ...display, ...level, ...(policy && { POLICY: policy }) }, stdio: ["ignore", "pipe", log],
    });
    if (this.#log) closeSync(log);
    this.#daemon = daemon;
    await within(PATIENCE, "the daemon is not ready", (resolve, reject) => {
      createInterface({ input: daemon.stdout }).on("line", (line) => line.startsWith("ready") && resolve());
      daemon.once("exit", (code) => reject(new Error(`the daemon ended with ${code}`)));
    });
  }

  /** The daemon answers nothing until what this gives is called. */
  freezeDaemon() {
    const daemon = this.#daemon;
    daemon.kill("SIGSTOP");
    // On a busy machine one of its threads may still answer before another hears of the stop.
    const isStopped = () => /^\d+ \(.*\) T /s.test(readFileSync(`/proc/${daemon.pid}/stat`, "utf8"));
    for (const start = Date.now(); !isStopped(); ) if (Date.now() - start > PATIENCE) throw new Error("the daemon does not stop");
    return () => daemon.kill("SIGCONT");
  }

  async stopDaemon() {
    const daemon = this.#daemon;
    this.#daemon = undefined;
    if (daemon === undefined || daemon.exitCode !== null) return;
    const ended = within(PATIENCE, "the daemon does not end", (resolve) => daemon.once("exit", resolve));
    daemon.kill("SIGTERM");
    await ended;
  }

  /** Serves the portal. `host` stands in its address in place of 127.0.0.1, with TLS. `allowed` permits its origin. */
  async portal({ allowed = true, host, headers } = {}) {
    const tls = host && this.#certificateFor(host);
    const portal = await startPortal({
      trien: path.join(binaries, "trien"), trust: this.trust, out: this.#file("out"), dossiers: [dossier],
      websocketPort: this.websocketPort, tls, headers,
    });
    this.#portals.push(portal);
    const url = host ? portal.url.replace("127.0.0.1", host) : portal.url;
    if (allowed) this.allow(url);
    return { url, port: Number(new URL(url).port) };
  }

  /**
   * Serves pages by their paths, each a text of HTML or, by the ending `.js`, of JavaScript, or a function that answers a
   * request. `host` stands in the address in place of 127.0.0.1, with TLS.
   */
  async site(pages, { host, secure = host !== undefined, allowed = true } = {}) {
    const answer = (request, response) => {
      const { pathname } = new URL(request.url, "http://site");
      const page = pages[pathname];
      if (typeof page === "function") return page(request, response);
      const type = pathname.endsWith(".js") ? "text/javascript" : "text/html";
      response.writeHead(page === undefined ? 404 : 200, { "Content-Type": `${type}; charset=utf-8` });
      response.end(page);
    };
    const server = secure ? https.createServer(this.#certificateFor(host), answer) : http.createServer(answer);
    await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address();
    const close = () => new Promise((resolve) => {
      server.close(resolve);
      server.closeAllConnections();
    });
    this.#portals.push({ close });
    const url = `${secure ? "https" : "http"}://${host ?? "127.0.0.1"}:${port}`;
    if (allowed) this.allow(url);
    return { url, port };
  }

  #certificateFor(host) {
    const [key, cert] = [this.#file(`${host}.key`), this.#file(`${host}.pem`)];
    const subject = ["-subj", `/CN=${host}`, "-addext", `subjectAltName=DNS:${host}`];
    run("openssl", ["req", "-x509", "-newkey", "rsa:2048", "-noenc", "-days", "30", "-keyout", key, "-out", cert, ...subject]);
    return { key: readFileSync(key), cert: readFileSync(cert) };
  }

  async close() {
    await Promise.all(this.#portals.map(({ close }) => close()));
    await this.stopDaemon();
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
  }
}

/** The processes below one, however deep, of this name; the system keeps fifteen letters of it. */
export function processesBelow(ancestor, called) {
  const all = new Map();
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      const [, name, parent] = /\((.*)\) \S (\d+)/s.exec(readFileSync(`/proc/${pid}/stat`, "utf8"));
      all.set(Number(pid), { name, parent: Number(parent) });
    } catch {
      // It has just ended.
    }
  }
  const isBelow = (pid) => {
    const parent = all.get(pid)?.parent;
    return parent !== undefined && (parent === ancestor || isBelow(parent));
  };
  return [...all].filter(([pid, { name }]) => name === called && isBelow(pid)).map(([pid]) => pid);
}

function run(program, words, env = process.env) {
  return execFileSync(program, words, { env, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"], timeout: 60_000 });
}

function within(milliseconds, complaint, start) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(complaint)), milliseconds);
    start((value) => (clearTimeout(timer), resolve(value)), (error) => (clearTimeout(timer), reject(error)));
  });
}
