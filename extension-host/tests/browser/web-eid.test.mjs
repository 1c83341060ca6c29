// A portal's page that speaks the wire of the Web eID page library, and nothing else, in real browsers.
import assert from "node:assert/strict";
import { X509Certificate, createHash, randomBytes, verify } from "node:crypto";
import test, { after, before } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { launch } from "../../../testdata/portal/browsers.mjs";
import { STOPPER, SYSTEM_ACCESS, nativeHosts } from "./background.mjs";
import { Stage, binaries, elsewhere } from "./stage.mjs";

const HOST = "portal.example";
const SEMVER = /^\d+\.\d+\.\d+(\+[0-9A-Za-z.-]+)?$/;

/**
 * What the page library does: asks its own window, waits for somebody, then for the answer. For somebody the library waits a
 * second; here that is how long it has to be silent, and who must come may come late on a busy machine.
 */
const PAGE = `<!doctype html><title>Cổng</title><script>
  window.ask = (action, fields = {}, { library = "2.1.0", patience = 20000, silence = patience } = {}) => new Promise((resolve) => {
    const started = performance.now();
    let acknowledged;
    const end = (answer) => {
      window.removeEventListener("message", hear);
      resolve(acknowledged === undefined ? answer : { acknowledged, ...answer });
    };
    const hear = ({ source, origin, data }) => {
      if (source !== window || origin !== location.origin) return;
      if (data.action === "web-eid:" + action + "-ack") window.acknowledged = acknowledged = performance.now() - started;
      if (data.action === "web-eid:" + action + "-success") end({ success: data });
      if (data.action === "web-eid:" + action + "-failure") end({ failure: data.error });
    };
    window.addEventListener("message", hear);
    setTimeout(() => acknowledged === undefined && end({ unavailable: true }), silence);
    setTimeout(() => end({ unanswered: true }), patience);
    window.postMessage({ action: "web-eid:" + action, libraryVersion: library, ...fields }, "*");
  });
  // What is done from outside counts as the person's doing; what the page does by itself, or at a click, it tells its server.
  const signIn = async (more) => {
    const answer = await ask("authenticate", { challengeNonce: NONCE }, more);
    await fetch("/told", { method: "POST", body: JSON.stringify(answer) });
  };
  if (location.search === "?alone") signIn({ silence: 1000 });
  if (location.search === "?status") ask("status", {}, { silence: 1000 }).then((answer) => fetch("/told", { method: "POST", body: JSON.stringify(answer) }));
  if (location.search === "?click") addEventListener("click", () => signIn());
  // As the published examples do it: whether somebody is here, and then at once.
  const both = async () => {
    const status = await ask("status");
    const answer = status.success ? await ask("authenticate", { challengeNonce: NONCE }) : {};
    await fetch("/told", { method: "POST", body: JSON.stringify({ status, ...answer }) });
  };
  if (location.search === "?both") addEventListener("click", both);
  // A portal that has its documents signed and nothing else.
  const sign = async () => {
    const { success, ...none } = await ask("get-signing-certificate");
    const hash = btoa(String.fromCharCode(...new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode("x")))));
    const answer = success ? { certificate: success.certificate, ...await ask("sign", { certificate: success.certificate, hash, hashFunction: "SHA-256" }) } : none;
    await fetch("/told", { method: "POST", body: JSON.stringify(answer) });
  };
  if (location.search === "?sign") addEventListener("click", sign);
</script><body style="height: 100vh; margin: 0">`;

const SCOPES = ["sign_in", "certificates", "blind_digest"].flatMap((scope) => ["--scope", scope]);

let stage;
before(async () => (stage = await Stage.open()));
after(() => stage?.close());

const code = ({ failure }) => failure?.code;

async function until(holds, what) {
  for (let left = 400; left > 0; left -= 1, await pause(50)) if (await holds()) return;
  assert.fail(`no sign of ${what}`);
}

/** A site that nobody has decided about; `told` waits for what its page tells its server. */
async function strange(nonce) {
  const waiting = [];
  const hear = async (request, response) => {
    const pieces = await request.toArray();
    waiting.shift()?.(JSON.parse(Buffer.concat(pieces).toString()));
    response.end();
  };
  const page = PAGE.replace("<script>", `<script>const NONCE = ${JSON.stringify(nonce)};`);
  const { url } = await stage.site({ "/": page, "/told": hear }, { host: HOST, allowed: false });
  const told = () => new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error("the page tells nothing")), 30_000);
    waiting.push((answer) => (clearTimeout(timer), resolve(answer)));
  });
  return { url, told };
}

for (const name of ["chromium", "firefox"]) {
  test(`a portal built for Web eID, in ${name}`, { timeout: 240_000 }, async (context) => {
    const nonce = randomBytes(33).toString("base64");
    const { url, told } = await strange(nonce);
    const settings = elsewhere(name, HOST);
    if (name === "firefox") settings.args = [SYSTEM_ACCESS];
    const { browser, close } = await launch(name, { binaries, env: stage.env, ...settings });
    context.after(close);
    const stop = await STOPPER[name](browser);
    const page = await browser.newPage();
    /** Takes back all that an origin may, and waits until the daemon has told its page and the page's host is gone. */
    const revoke = async (origin) => {
      stage.trien("origin", "revoke", origin);
      await until(() => nativeHosts(browser).length === 0, "the end of the page's host");
    };
    const ask = (...words) => page.evaluate((words) => window.ask(...words), words);
    stage.answer("approve");

    // A new browser takes its time to start an extension: that it is here is heard at a site with a permission.
    const known = await stage.site({ "/": PAGE }, { host: HOST });
    await page.goto(known.url);
    for (let left = 30; ; left -= 1) {
      if ((await ask("status", {}, { silence: 1000 })).success) break;
      assert.ok(left > 0, "the extension never answers");
    }

    await context.test("a stranger hears nothing, not even that somebody is here; a click there is one question, and then it works", async () => {
      const stranger = await strange(nonce);
      const visit = async (how) => {
        const told = stranger.told();
        await page.goto(`${stranger.url}/?${how}`);
        if (!["alone", "status"].includes(how)) await page.mouse.click(100, 100);
        return told;
      };
      assert.deepEqual(await visit("alone"), { unavailable: true });
      assert.deepEqual(await visit("status"), { unavailable: true });
      stage.answer("refuse", { introduce: true });
      const { acknowledged, ...refused } = await visit("click");
      assert.notEqual(acknowledged, undefined);
      assert.equal(code(refused), "ERR_WEBEID_USER_CANCELLED");
      stage.answer("approve", { introduce: true });
      const { success: { action, ...token } } = await visit("click");
      assert.equal(action, "web-eid:authenticate-success");
      assert.match(stage.signedIn(token, stranger.url, nonce), /Nguyễn Văn An/);
      // Its status at a click is answered as well, before anybody is asked.
      await revoke(stranger.url);
      assert.deepEqual(await visit("alone"), { unavailable: true });
      stage.answer("approve", { introduce: true });
      const { status, success: { action: asked, ...again } } = await visit("both");
      assert.deepEqual([status.success.library, asked], ["2.1.0", "web-eid:authenticate-success"]);
      assert.match(stage.signedIn(again, stranger.url, nonce), /Nguyễn Văn An/);
      // A signature over a bare digest was offered there, and nobody has ticked it.
      assert.ok((await visit("sign")).failure);
      // Where it is ticked, the first question is enough for it.
      await revoke(stranger.url);
      stage.answer("approve", { introduce: true, permissions: ["certificates", "blind_digest"] });
      const { certificate, success: signed, failure } = await visit("sign");
      const { publicKey } = new X509Certificate(Buffer.from(certificate, "base64"));
      assert.ok(signed, JSON.stringify(failure));
      assert.ok(verify("sha256", "x", publicKey, Buffer.from(signed.signature, "base64")));
      stage.answer("approve");
    });

    await context.test("n048 a stranger's tab is closed while the person is asked about the site: the question goes with it", async () => {
      const stranger = await strange(nonce);
      await stage.quiet();
      stage.answer("hang", { introduce: true });
      const tab = await browser.newPage();
      await tab.goto(`${stranger.url}/?click`);
      await tab.mouse.click(100, 100);
      await until(() => stage.asking.length === 1, "a question");
      // The page library waits a second for somebody: it is told before the person has said whether he wants the site.
      await tab.waitForFunction(() => window.acknowledged !== undefined);
      await tab.close();
      await until(() => stage.asking.length === 0, "its end");
      await page.bringToFront();
      stage.answer("approve");
    });
    await page.goto(url);

    stage.trien("origin", "allow", url, ...SCOPES);
    await context.test("status", async () => {
      const { success } = await ask("status");
      assert.equal(success.library, "2.1.0");
      for (const version of [success.extension, success.nativeApp]) assert.match(version, SEMVER);
    });

    await context.test("authenticate: a token that a portal accepts, for this origin and nonce only", async () => {
      const { success: { action, ...token } } = await ask("authenticate", { challengeNonce: nonce });
      assert.equal(action, "web-eid:authenticate-success");
      assert.deepEqual([token.format, token.algorithm], ["web-eid:1.0", "RS256"]);
      assert.match(stage.signedIn(token, url, nonce), /Nguyễn Văn An/);
      assert.throws(() => stage.signedIn(token, "https://evil.example", nonce));
      assert.throws(() => stage.signedIn(token, url, randomBytes(33).toString("base64")));
    });

    let certificate;
    await context.test("get-signing-certificate, then sign", async () => {
      const { success } = await ask("get-signing-certificate");
      ({ certificate } = success);
      assert.deepEqual(Object.keys(success.supportedSignatureAlgorithms[0]).sort(), ["cryptoAlgorithm", "hashFunction", "paddingScheme"]);
      const document = randomBytes(1000);
      const hash = createHash("sha256").update(document).digest("base64");
      const { success: signed } = await ask("sign", { certificate, hash, hashFunction: "SHA-256" });
      assert.deepEqual(signed.signatureAlgorithm, { cryptoAlgorithm: "RSA", hashFunction: "SHA-256", paddingScheme: "PKCS1.5" });
      const { publicKey } = new X509Certificate(Buffer.from(certificate, "base64"));
      assert.ok(verify("sha256", document, publicKey, Buffer.from(signed.signature, "base64")));
    });

    await context.test("a certificate that was picked on another page is picked again, and signed with", async () => {
      await page.reload();
      const hash = createHash("sha256").update("x").digest("base64");
      const { success, failure } = await ask("sign", { certificate, hash, hashFunction: "SHA-256" });
      const { publicKey } = new X509Certificate(Buffer.from(certificate, "base64"));
      assert.ok(success, JSON.stringify(failure));
      assert.ok(verify("sha256", "x", publicKey, Buffer.from(success.signature, "base64")));
    });

    await context.test("every failure has its code", async () => {
      const hash = createHash("sha256").update("x").digest("base64");
      for (const [wanted, ...words] of [
        ["MISSING_PARAMETER", "authenticate"],
        ["MISSING_PARAMETER", "sign", { certificate, hash }],
        ["NATIVE_INVALID_ARGUMENT", "authenticate", { challengeNonce: "A".repeat(43) }],
        ["NATIVE_INVALID_ARGUMENT", "authenticate", { challengeNonce: { forged: 1 } }],
        ["NATIVE_INVALID_ARGUMENT", "sign", { certificate, hash, hashFunction: "SHA-224" }],
        ["NATIVE_INVALID_ARGUMENT", "sign", { certificate, hash: "AAAA", hashFunction: "SHA-256" }],
        ["NATIVE_INVALID_ARGUMENT", "sign", { certificate: "§", hash, hashFunction: "SHA-256" }],
        ["VERSION_INVALID", "status", {}, { library: "two" }],
        ["VERSION_MISMATCH", "status", {}, { library: "3.0.0" }],
      ]) {
        assert.equal(code(await ask(...words)), `ERR_WEBEID_${wanted}`, JSON.stringify(words));
      }
      const { failure } = await ask("status", {}, { library: "3.0.0" });
      assert.deepEqual(failure.requiresUpdate, { extension: true, nativeApp: false });
      stage.answer("hang");
      // Both promises hear the same window, so the second request's failure is the first answer that either sees.
      const pending = await page.evaluate(async (nonce) => {
        const codes = [];
        addEventListener("message", ({ data: { error } }) => error && codes.push(error.code));
        const first = window.ask("authenticate", { challengeNonce: nonce, options: { userInteractionTimeout: 2500 } });
        await Promise.all([first, window.ask("authenticate", { challengeNonce: nonce })]);
        while (codes.length < 2) await new Promise((resolve) => setTimeout(resolve, 50));
        return codes;
      }, nonce);
      assert.deepEqual(pending, ["ERR_WEBEID_ACTION_PENDING", "ERR_WEBEID_USER_TIMEOUT"]);
      stage.answer("refuse");
      assert.equal(code(await ask("authenticate", { challengeNonce: nonce })), "ERR_WEBEID_USER_CANCELLED");
      stage.answer("hang");
      const options = { userInteractionTimeout: 500 };
      assert.equal(code(await ask("authenticate", { challengeNonce: nonce, options })), "ERR_WEBEID_USER_TIMEOUT");
      stage.answer("approve");
    });

    // The driver of Firefox does not come back from a step back.
    if (name === "chromium") {
      await context.test("a page that is left while the person is asked, and shown again, knows that nobody answers any more", async () => {
        await stage.quiet();
        stage.answer("hang");
        await page.evaluate((nonce) => {
          window.shown = new Promise((resolve) => addEventListener("pageshow", ({ persisted }) => resolve(persisted), { once: true }));
          window.answer = window.ask("authenticate", { challengeNonce: nonce }, { patience: 60_000 });
        }, nonce);
        await until(() => stage.asking.length === 1, "a question");
        await page.goto(known.url);
        await until(() => stage.asking.length === 0, "its end");
        await page.goBack();
        assert.ok(await page.evaluate(() => window.shown), "the browser has kept the page");
        assert.equal(code(await page.evaluate(() => window.answer)), "ERR_WEBEID_NATIVE_UNAVAILABLE");
        stage.answer("approve");
      });
    }

    await context.test("n069 the background is stopped while the person is asked: the page is told, the question goes, and the next one works", async () => {
      stage.answer("hang");
      const since = stage.record.length;
      const actions = () => stage.record.slice(since).map(({ record }) => record.action);
      const until = async (count) => {
        for (let left = 600; actions().length < count; left -= 1) {
          assert.ok(left > 0, `${actions()}`);
          await new Promise((resolve) => setTimeout(resolve, 50));
        }
      };
      const open = ask("authenticate", { challengeNonce: nonce });
      await until(1);
      await stop();
      assert.equal(code(await open), "ERR_WEBEID_NATIVE_UNAVAILABLE");
      await until(2);
      assert.deepEqual(actions(), ["asked", "withdrawn"]);
      stage.answer("approve");
      await page.bringToFront();
      const { success: { action, ...token } } = await ask("authenticate", { challengeNonce: nonce });
      assert.equal(action, "web-eid:authenticate-success");
      assert.match(stage.signedIn(token, url, nonce), /Nguyễn Văn An/);
    });

    await context.test("a daemon that hangs: an origin that had a permission is acknowledged all the same", async () => {
      await page.reload();
      const wake = stage.freezeDaemon();
      try {
        assert.deepEqual(Object.keys(await ask("status", {}, { patience: 6000 })), ["acknowledged", "unanswered"]);
      } finally {
        wake();
      }
      // What the daemon answers now, late, would be the answer to the next request: this wire has no number.
      await page.reload();
      assert.ok((await ask("status")).success);
    });

    await context.test("without the daemon, an origin that had a permission is told", async () => {
      await stage.stopDaemon();
      // The extension may hear of the daemon's end a moment later than the one who stopped it.
      await until(() => nativeHosts(browser).length === 0, "the end of the page's host");
      assert.equal(code(await ask("status")), "ERR_WEBEID_NATIVE_UNAVAILABLE");
      await stage.startDaemon();
      assert.ok((await ask("status")).success, "the next request finds it again");
    });

    await context.test("a permission that is taken back ends it", async () => {
      await revoke(url);
      const heard = told();
      await page.goto(`${url}/?status`);
      assert.deepEqual(await heard, { unavailable: true });
    });
  });
}
