// What the protocol promises a page beside a signature, by the library as a portal uses it: in real browsers, over either
// road, with a key on an elliptic curve. The page comes by https from a host that the browser takes for one of the Internet.
import assert from "node:assert/strict";
import { X509Certificate, createHash, randomBytes, verify } from "node:crypto";
import test from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { launch } from "../../../testdata/portal/browsers.mjs";
import { nativeHosts } from "./background.mjs";
import { Stage, binaries, elsewhere, permitLoopback, sdk } from "./stage.mjs";

const HOST = "portal.example";
const ROADS = ["websocket", "extension"];
const BROWSERS = ["chromium", "firefox"];
/** Everything that an origin can be permitted. */
const ALL = ["certificates", "sign_in", "sign", "batch", "verify", "blind_digest"];
/** How soon a question must be gone that nobody wants an answer to any more, in milliseconds, with room for a slow machine. */
const SOON = 2000;

/** What a key on the curve P-384 signs with first of all, in Web eID's words. */
const USUAL = { cryptoAlgorithm: "ECC", hashFunction: "SHA-384", paddingScheme: "NONE" };

/** Which signatures of the daemon's life fail: on either road the second of a batch that stops there and of one that goes on. */
const FAILING = [2, 4, 7, 9];
const SIMULATION = `
[[token]]
label = "Đường cong"
pin = "24681357"
[[token.key]]
label = "ký"
file = "pki/leaves/p384/key.pem"
certificate_files = ["pki/leaves/p384/cert.pem"]
${FAILING.map((from) => `[[rule]]\nfunction = "C_SignInit"\nfrom = ${from}\ntimes = 1\ndo = "answer"\nvalue = "CKR_FUNCTION_FAILED"\n`).join("")}`;

const PAGE = `<!doctype html><title>Cổng</title><script>
  /** Who hears of the next reply with a receipt, in place of the library. */
  let losing;
  const lose = (event, message, cut) => {
    if (losing === undefined || message?.result?.receipt === undefined) return;
    event.stopImmediatePropagation();
    losing(message.result);
    losing = undefined;
    cut();
  };
  window.loseReply = () => (window.lost = new Promise((resolve) => (losing = resolve)));
  /** Whom the page has looked for, and how its sockets were closed. */
  window.looked = [];
  window.closes = [];
  // Heard before the library hears it. A socket is cut here; what becomes of the extension's road is the test's.
  addEventListener("message", (event) => {
    if (event.data?.trien === "ping") looked.push("extension");
    lose(event, event.data?.message, () => {});
  });
  window.WebSocket = class extends WebSocket {
    constructor(...words) {
      looked.push("websocket");
      super(...words);
      this.addEventListener("message", (event) => typeof event.data === "string" && lose(event, JSON.parse(event.data), () => this.close()));
      this.addEventListener("close", ({ code }) => closes.push(code));
    }
  };
</script><script type="module">
  import { Trien, TrienError } from "/sdk.js";

  window.connect = async (road, port) => (window.trien = await Trien.connect({ roads: [road], port })).scopes;
  /** Of what failed: its code, if it says in both languages what happened and what to do. */
  window.codeOf = (error) => {
    const texts = error instanceof TrienError ? [error.text.vi, error.text.en, error.remedy.vi, error.remedy.en] : [""];
    return texts.every((text) => text.length > 0) ? error.code : String(error);
  };
  /** "done", or the code. */
  window.told = (promise) => promise.then(() => "done", codeOf);
  /** A request that may be aborted; \`end\` is there when it has ended. */
  window.begin = (method, call) => {
    const abort = new AbortController();
    const begun = { abort: () => abort.abort() };
    begun.told = told(trien[method]({ ...call, signal: abort.signal })).then((end) => (begun.end = end));
    return begun;
  };
  window.text = (words) => new TextEncoder().encode(words);
  window.sha256 = async (bytes) => Array.from(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)), (byte) => byte.toString(16).padStart(2, "0")).join("");

  /** What Web eID's library does. */
  window.ask = (action, fields = {}) => new Promise((resolve) => {
    addEventListener("message", function hear({ source, data: { action: heard, ...answer } }) {
      if (source !== window || !["success", "failure"].some((end) => heard === "web-eid:" + action + "-" + end)) return;
      removeEventListener("message", hear);
      resolve(answer);
    });
    window.postMessage({ action: "web-eid:" + action, libraryVersion: "2.1.0", ...fields }, "*");
  });
</script>`;

async function until(holds, what, patience = 30_000) {
  for (const start = Date.now(); Date.now() - start < patience; await pause(20)) if (await holds()) return;
  assert.fail(`no sign of ${what}`);
}

for (const name of BROWSERS) {
  test(`what a page is promised beside a signature, in ${name}`, { timeout: 300_000 }, async (context) => {
    const stage = await Stage.open({ simulation: SIMULATION, leaves: ["p384"] });
    context.after(() => stage.close());
    const { url, port } = await stage.site({ "/": PAGE, "/sdk.js": sdk() }, { host: HOST, allowed: false });
    const permit = (scopes) => stage.trien("origin", "allow", url, ...scopes.flatMap((scope) => ["--scope", scope]));
    permit(ALL);
    const { browser, close } = await launch(name, { binaries, env: stage.env, ...elsewhere(name, HOST, { public: port }) });
    context.after(close);
    await permitLoopback(name, browser, url);
    const page = await browser.newPage();
    await page.goto(url);
    await page.waitForFunction(() => window.connect !== undefined);
    await pause(500);
    assert.deepEqual(await page.evaluate(() => looked), [], "the library looks for nobody before it is asked to");

    const connect = (road) => page.evaluate((...words) => window.connect(...words), road, stage.websocketPort);
    const hangUp = () => page.evaluate(() => window.trien.close());
    /** What the record says was done since it had so many entries. */
    const actions = (since) => stage.record.slice(since).map(({ record }) => record.action);
    const open = (count) => until(() => stage.asking.length === count, `${count} questions`);
    /** The question that is open goes soon, and the record says what was done until then. */
    const gone = async (since, ...wanted) => {
      const began = Date.now();
      await open(0);
      const milliseconds = Date.now() - began;
      await until(() => actions(since).slice(0, wanted.length).join() === wanted.join(), `${wanted}, but ${actions(since)}`);
      assert.ok(milliseconds < SOON, `${milliseconds} ms`);
    };

    // First of all, for the token counts its signatures.
    for (const road of ROADS) {
      await context.test(`a batch over the ${road}: what fails stops the rest only if that is asked for, and the page hears how far it is`, async () => {
        assert.deepEqual((await connect(road)).sort(), [...ALL].sort());
        const sign = (onError) => page.evaluate(async (onError) => {
          const documents = [1, 2, 3].map((number) => ({ name: `Đơn ${number}.txt`, bytes: text(`${onError} ${number}`) }));
          const reports = [];
          const onProgress = ({ stage, done, total }) => reports.push([stage, done, total]);
          const signed = await trien.signDocuments({ documents, format: "cades_attached", onError, onProgress });
          const results = signed.documents.map(({ name, bytes, error }) => [name, error ? codeOf(error) : bytes.length > 0 && "signed"]);
          const received = signed.documents.reduce((sum, { bytes }) => sum + (bytes?.length ?? 0), 0);
          const sent = documents.reduce((sum, { bytes }) => sum + bytes.length, 0);
          return { results, reports, sent, received, receipt: signed.receipt };
        }, onError);
        for (const [onError, ...wanted] of [["stop", "signed", "token_failed", "batch_stopped"], ["go_on", "signed", "token_failed", "signed"]]) {
          const since = stage.record.length;
          const { results, reports, sent, received, receipt } = await sign(onError);
          assert.deepEqual(results, wanted.map((code, index) => [`Đơn ${index + 1}.txt`, code]));
          assert.deepEqual(actions(since), ["asked", "approved", "signed"]);
          assert.deepEqual(receipt.results.map((result) => result !== ""), wanted.map((code) => code === "signed"));
          const totals = { uploading: sent, asking: 3, signing: 3, downloading: received };
          assert.deepEqual([...new Set(reports.map(([stage]) => stage))], Object.keys(totals));
          for (const [stage, done, total] of reports) assert.ok(total === totals[stage] && done <= total, `${stage} ${done}/${total}`);
          assert.deepEqual(reports.at(-1), ["downloading", received, received]);
        }
        await hangUp();
      });
    }

    for (const road of ROADS) {
      await context.test(`the person signs in over the ${road}: a token that a portal accepts, and the signing certificate if it may be seen`, async () => {
        await connect(road);
        for (const nonce of ["A".repeat(43), "A".repeat(44), randomBytes(99).toString("base64")]) {
          assert.equal(await page.evaluate((nonce) => told(trien.authenticate({ nonce })), nonce), "bad_nonce");
        }
        for (const [signingCertificate, format] of [[undefined, "web-eid:1.0"], [true, "web-eid:1.1"]]) {
          const nonce = randomBytes(33).toString("base64");
          const token = await page.evaluate((call) => trien.authenticate(call), { nonce, signingCertificate });
          assert.deepEqual([token.format, token.algorithm], [format, "ES384"]);
          assert.match(stage.signedIn(token, url, nonce), /TRẦN THỊ BÌNH/);
          if (signingCertificate && road === "websocket") assert.throws(() => stage.signedIn(token, "https://evil.example", nonce));
          const signing = token.unverifiedSigningCertificates?.map(({ certificate, supportedSignatureAlgorithms: [first] }) => [certificate, first]);
          assert.deepEqual(signing, signingCertificate && [[token.unverifiedCertificate, USUAL]]);
        }
      });

      await context.test(`a document that is another than the manifest over the ${road} says: the whole ends, nobody is asked`, async () => {
        const since = stage.record.length;
        const sign = (changes) => page.evaluate(async (changes) => {
          class Changing extends Blob {
            slice(...words) {
              return new Blob([new Uint8Array(super.slice(...words).size)]);
            }
          }
          const of = (number, Kind = Blob) => ({ name: `${number}.txt`, bytes: new Kind([`nội dung ${number}`]) });
          return told(trien.signDocuments({ documents: [of(1), of(2, changes ? Changing : Blob), of(3)], format: "cades_attached" }));
        }, changes);
        assert.equal(await sign(true), "batch_mismatch");
        assert.deepEqual(actions(since), []);
        assert.equal(await sign(false), "done", "the connection is as good as before");
      });

      await context.test(`a reply that is lost with the ${road}: asked for again by its key, and nothing is signed twice`, async () => {
        const since = stage.record.length;
        const key = randomBytes(12).toString("hex");
        await page.evaluate((idempotencyKey) => {
          window.sign = async (words = "một lần") => {
            const documents = [{ name: "đơn.txt", bytes: text(words) }];
            const signed = await trien.signDocuments({ documents, format: "cades_attached", idempotencyKey });
            window.made = signed.documents[0].bytes;
            return { sha256: await sha256(made), receipt: signed.receipt };
          };
          loseReply();
          window.signing = sign();
        }, key);
        const { documents: [lost], receipt } = await page.evaluate(() => window.lost);
        assert.deepEqual(actions(since), ["asked", "approved", "signed"]);
        // The page's socket is closed; of the other road the process in the middle dies.
        if (road === "extension") for (const host of nativeHosts(browser)) process.kill(host, "SIGKILL");
        // By ECDSA two signatures are never the same.
        assert.deepEqual(await page.evaluate(() => window.signing), { sha256: lost.sha256, receipt });
        await hangUp();
        await connect(road);
        assert.equal((await page.evaluate(() => sign())).sha256, lost.sha256, "on a connection that has never seen it");
        assert.equal(await page.evaluate(() => told(sign("hai lần"))), "key_reused");
        assert.deepEqual(actions(since), ["asked", "approved", "signed"]);
      });

      await context.test(`one question is open, one waits, the others are busy; an abort over the ${road} takes the window away`, async () => {
        await stage.quiet();
        stage.answer("hang");
        const since = stage.record.length;
        await page.evaluate(() => (window.first = begin("certificates")));
        await open(1);
        await page.evaluate(() => (window.others = [1, 2, 3, 4].map(() => begin("certificates"))));
        await page.waitForFunction(() => others.filter(({ end }) => end !== undefined).length === 3);
        assert.deepEqual(await page.evaluate(() => others.flatMap(({ end }) => end ?? [])), ["busy", "busy", "busy"]);
        assert.deepEqual([stage.asking.length, ...actions(since)], [1, "asked"]);
        const verified = await page.evaluate(() => trien.verifyDocuments({ documents: [{ name: "đơn.p7m", bytes: made }] }));
        assert.ok(verified.documents[0].valid, "what asks nobody waits for nobody");
        const [shown] = stage.asking;
        assert.equal(await page.evaluate(() => (first.abort(), first.told)), "cancelled");
        await until(() => stage.asking.length === 1 && stage.asking[0] !== shown, "the one that waited");
        assert.deepEqual(actions(since), ["asked", "withdrawn", "asked"]);
        const last = page.evaluate(() => {
          const waited = others.find(({ end }) => end === undefined);
          waited.abort();
          return waited.told;
        });
        await gone(since, "asked", "withdrawn", "asked", "withdrawn");
        assert.equal(await last, "cancelled");
        stage.answer("approve");
        assert.equal(await page.evaluate(() => told(trien.certificates())), "done", "the connection lives on");
      });

      await context.test(`what a site may not ask for over the ${road} is refused, and nobody is asked`, async () => {
        const certificate = await page.evaluate(async () => (await trien.certificates()).sha256);
        const since = stage.record.length;
        const refusals = (...methods) => page.evaluate(async ({ methods, certificate, nonce }) => {
          const documents = (count) => Array.from({ length: count }, (_, index) => ({ name: `${index}.txt`, bytes: text(`${index}`) }));
          const digest = new Uint8Array(48).fill(7);
          const calls = {
            certificates: () => trien.certificates(),
            sign_in: () => trien.authenticate({ nonce }),
            sign_in_1_1: () => trien.authenticate({ nonce, signingCertificate: true }),
            sign: () => trien.signDocuments({ documents: documents(1), format: "cades_attached" }),
            batch: () => trien.signDocuments({ documents: documents(2), format: "cades_attached" }),
            blind_digest: () => trien.signDigest({ certificate, hash: "SHA-384", digest }),
            blind_batch: () => trien.signDigests({ certificate, hash: "SHA-384", digests: [{ digest }] }),
            verify: () => trien.verifyDocuments({ documents: documents(1) }),
          };
          const codes = [];
          for (const method of methods) codes.push(await told(calls[method]()));
          return [...new Set(codes)];
        }, { methods, certificate, nonce: randomBytes(33).toString("base64") });
        permit(["certificates"]);
        assert.deepEqual(await refusals("sign_in", "sign_in_1_1", "sign", "batch", "blind_digest", "blind_batch", "verify"), ["not_allowed"]);
        permit(["sign_in", "sign", "blind_digest"]);
        assert.deepEqual(await refusals("certificates", "sign_in_1_1", "batch", "blind_batch", "verify"), ["not_allowed"]);
        assert.deepEqual(actions(since), []);
        permit(ALL);
        await hangUp();
      });
    }

    await context.test("a page that asks for more than it may is told, and served again", async () => {
      await connect("websocket");
      const since = stage.record.length;
      const codes = await page.evaluate(async () => {
        const unknown = { certificate: "00".repeat(32), hash: "SHA-384", digest: new Uint8Array(48) };
        const codes = new Set();
        for (let left = 20; left > 0 && !codes.has("rate_limited"); left -= 1) {
          for (const code of await Promise.all(Array.from({ length: 200 }, () => told(trien.signDigest(unknown))))) codes.add(code);
        }
        return [...codes].sort();
      });
      // Whether more were under way at once than may be, and some busy, is a matter of who was faster.
      assert.deepEqual(codes.filter((code) => code !== "busy"), ["certificate_not_found", "rate_limited"]);
      await until(() => page.evaluate(async () => (await told(trien.certificates())) === "done"), "an answer");
      assert.deepEqual(actions(since), ["asked", "shared"]);
      await hangUp();
    });

    for (const road of ROADS) {
      await context.test(`a permission that runs out is over, over the ${road}`, async () => {
        permit(ALL.filter((scope) => scope !== "verify"));
        await connect(road);
        // Time enough for one request on a busy machine.
        const end = new Date(Math.ceil(Date.now() / 1000 + 8) * 1000).toISOString();
        stage.trien("origin", "allow", url, "--add", "--scope", "verify", "--until", end);
        const ask = () => page.evaluate(() => told(trien.verifyDocuments({ documents: [{ name: "đơn.p7m", bytes: made }] })));
        assert.equal(await ask(), "done");
        await until(async () => (await ask()) === "not_allowed", "its end");
        assert.ok(Date.now() >= Date.parse(end));
        assert.equal(await page.evaluate(() => told(trien.certificates())), "done", "the others go on");
        await hangUp();
        permit(ALL);
      });
    }

    await context.test("a portal built for Web eID, with a key on an elliptic curve", async () => {
      const ask = (...words) => page.evaluate((words) => window.ask(...words), words);
      const nonce = randomBytes(33).toString("base64");
      const token = await ask("authenticate", { challengeNonce: nonce });
      assert.deepEqual([token.format, token.algorithm], ["web-eid:1.0", "ES384"]);
      assert.match(stage.signedIn(token, url, nonce), /TRẦN THỊ BÌNH/);
      const { certificate, supportedSignatureAlgorithms: offered } = await ask("get-signing-certificate");
      const { publicKey } = new X509Certificate(Buffer.from(certificate, "base64"));
      assert.deepEqual(offered[0], USUAL);
      assert.ok(offered.every(({ cryptoAlgorithm, paddingScheme }) => cryptoAlgorithm === "ECC" && paddingScheme === "NONE"));
      const document = randomBytes(1000);
      const hash = createHash("sha384").update(document).digest("base64");
      const signed = await ask("sign", { certificate, hash, hashFunction: "SHA-384" });
      assert.deepEqual(signed.signatureAlgorithm, USUAL);
      const key = { key: publicKey, dsaEncoding: "ieee-p1363" };
      assert.ok(verify("sha384", document, key, Buffer.from(signed.signature, "base64")));
    });

    for (const road of ROADS) {
      await context.test(`a permission that is taken back ends what is open over the ${road}`, async () => {
        permit(ALL);
        await connect(road);
        await stage.quiet();
        stage.answer("hang");
        // One permission of several: the question that needs it goes, the connection stays.
        let since = stage.record.length;
        await page.evaluate(() => (window.pending = begin("certificates")));
        await open(1);
        stage.trien("origin", "revoke", url, "--scope", "certificates");
        await gone(since, "asked", "withdrawn");
        assert.equal(await page.evaluate(() => pending.told), "not_allowed");
        stage.answer("approve");
        assert.equal(await page.evaluate(() => told(trien.signDocuments({ documents: [{ name: "a.txt", bytes: text("a") }], format: "cades_attached" }))), "done");
        // While a document travels that has more pieces than one: after the first, nobody has been asked.
        since = stage.record.length;
        await page.evaluate((road) => {
          const content = text(road.padEnd(700_000, "x"));
          class Halting extends Blob {
            slice(start, ...words) {
              const piece = super.slice(start, ...words);
              // For its digest it is read from the beginning alone.
              if (start === 0) return piece;
              window.halted = true;
              return { arrayBuffer: async () => (await new Promise((resolve) => (window.goOn = resolve)), piece.arrayBuffer()) };
            }
          }
          window.halted = false;
          window.travels = () => [{ name: "đơn.bin", bytes: new Blob([content]) }];
          window.pending = begin("signDocuments", { documents: [{ name: "đơn.bin", bytes: new Halting([content]) }], format: "cades_attached" });
        }, road);
        await page.waitForFunction(() => halted);
        stage.trien("origin", "revoke", url, "--scope", "sign");
        assert.equal(await page.evaluate(() => pending.told), "not_allowed");
        await page.evaluate(() => goOn());
        assert.deepEqual(actions(since), []);
        permit(ALL);
        const again = () => page.evaluate(() => told(trien.signDocuments({ documents: travels(), format: "cades_attached" })));
        assert.equal(await again(), "done", "the connection is as good as before");
        // All of them.
        await stage.quiet();
        stage.answer("hang");
        since = stage.record.length;
        const nonce = randomBytes(33).toString("base64");
        await page.evaluate((nonce) => (closes.length = 0, window.pending = begin("authenticate", { nonce })), nonce);
        await open(1);
        stage.trien("origin", "revoke", url);
        await gone(since, "asked", "withdrawn");
        stage.answer("approve");
        assert.equal(await page.evaluate(() => pending.told), "not_allowed", "it is told, and does not come back by itself");
        if (road === "websocket") {
          await page.waitForFunction(() => closes.length > 0);
          // RFC 6455, 7.4.1: a policy is violated.
          assert.deepEqual(await page.evaluate(() => closes), [1008]);
          const anew = () => page.evaluate((port) => told(connect("websocket", port)), stage.websocketPort);
          assert.equal(await anew(), "not_installed", "a stranger learns nothing");
        }
      });
    }
  });
}
