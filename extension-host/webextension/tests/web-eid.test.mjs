import assert from "node:assert/strict";
import test from "node:test";
import { load } from "../../tests/peer/load.mjs";
import "../../tests/peer/page.mjs";

const { check, failureOf, readRequest } = await load("webextension/src/web-eid/wire.ts");
const { WebEidSession, TrienError } = await load("webextension/tests/web-eid-session.ts");

test("n062 what a page of Web eID can say", () => {
  const request = readRequest({ action: "web-eid:authenticate", libraryVersion: "2.1.0", challengeNonce: "x", origin: "https://forged.example",
    options: { userInteractionTimeout: 5, lang: "vi" }, extra: 1 });
  assert.deepEqual(request, { action: "authenticate", libraryVersion: "2.1.0", userInteractionTimeout: 5, fields: { challengeNonce: "x" } });
  for (const data of [null, 7, "web-eid:status", {}, { action: "status" }, { action: "web-eid:toString" }, { action: "web-eid:status-ack" },
    { action: "web-eid:constructor" }, { action: ["web-eid:status"] }]) {
    assert.equal(readRequest(data), undefined, JSON.stringify(data));
  }
  assert.equal(readRequest({ action: "web-eid:authenticate", challengeNonce: "A".repeat(65 * 1024) }).fields.challengeNonce, null, "too long");
  assert.equal(readRequest({ action: "web-eid:sign", options: "x" }).userInteractionTimeout, undefined);
});

test("what is wrong with a request, by its code", () => {
  const status = { action: "status", libraryVersion: "2.0.1-beta.1", fields: {} };
  assert.equal(check(status).timeoutMs, 120_000);
  for (const [timeout, ms] of [[5000, 5000], [-1, 120_000], [NaN, 120_000], [1e12, 3_600_000]]) {
    assert.equal(check({ ...status, userInteractionTimeout: timeout }).timeoutMs, ms);
  }
  for (const [request, code] of [
    [{ ...status, libraryVersion: undefined }, "VERSION_INVALID"],
    [{ ...status, libraryVersion: "2" }, "VERSION_INVALID"],
    [{ ...status, libraryVersion: "99.0.0" }, "VERSION_MISMATCH"],
    [{ ...status, action: "authenticate" }, "MISSING_PARAMETER"],
    [{ ...status, action: "authenticate", fields: { challengeNonce: null } }, "NATIVE_INVALID_ARGUMENT"],
    [{ ...status, action: "sign", fields: { certificate: "a", hash: "b", hashFunction: "SHA3-256" } }, "NATIVE_INVALID_ARGUMENT"],
    [{ ...status, action: "sign", fields: { certificate: "a", hash: "b", hashFunction: "MD5" } }, "NATIVE_INVALID_ARGUMENT"],
  ]) {
    assert.equal(check(request).code, code, JSON.stringify(request));
  }
  for (const [ours, theirs] of [
    ["cancelled", "USER_CANCELLED"], ["timed_out", "USER_TIMEOUT"], ["outdated", "VERSION_MISMATCH"], ["not_running", "NATIVE_UNAVAILABLE"],
    ["closed", "NATIVE_UNAVAILABLE"], ["bad_nonce", "NATIVE_INVALID_ARGUMENT"], ["certificate_not_found", "NATIVE_INVALID_ARGUMENT"],
    ["pin_locked", "NATIVE_FATAL"], ["no_certificate", "NATIVE_FATAL"], ["internal", "NATIVE_FATAL"],
  ]) {
    const { action, error } = failureOf(ours, "words").of("sign");
    assert.deepEqual([action, error.code, error.message], ["web-eid:sign-failure", `ERR_WEBEID_${theirs}`, "words"]);
    assert.match(error.name, /Error$/);
  }
});

/** A session whose daemon answers as told, and what the page hears of it. */
function play({ connect, silent = false, known = false } = {}) {
  const told = [];
  const session = new WebEidSession({
    connect: async (active, signal) => connect(active, signal), tell: (message) => told.push(message),
    silent: async () => silent, known: async () => known, version: "0.1.0",
  });
  const status = (more = {}) => session.hear({ request: { action: "status", libraryVersion: "2.1.0", fields: {} }, secure: true, active: true, ...more });
  return { session, told, status };
}

const line = (scopes, more = {}) => ({ hello: { scopes }, conversation: { ended: false, close() {}, ...more } });
const refusing = (code) => () => {
  throw TrienError.fromReply({ data: { code, message: { vi: "", en: code }, remedy: { vi: "", en: "" } } });
};
const kinds = (told) => told.map(({ action, error }) => error?.code ?? action.replace("web-eid:status-", ""));

test("nobody is heard where there is no permission, or where silence is wished", async () => {
  for (const world of [
    { connect: refusing("not_allowed") }, { connect: refusing("not_allowed"), known: true }, { connect: () => line([]) },
    { connect: refusing("user_muted"), known: true }, { connect: refusing("not_running") }, { connect: () => line(["sign_in"]), silent: true },
  ]) {
    const { told, status } = play(world);
    await status({ active: false });
    assert.deepEqual(told, [], JSON.stringify(world));
  }
  const silent = play({ silent: true });
  await silent.status();
  assert.deepEqual(silent.told, [], "not at a click either");
  const insecure = play({ connect: () => line(["sign_in"]) });
  await insecure.status({ secure: false });
  assert.deepEqual(insecure.told, []);
});

test("an origin with a permission is acknowledged before it is answered", async () => {
  const { told, status, session } = play({ connect: (active) => (assert.equal(active, false, "for a status nobody is asked"), line(["sign_in"])) });
  await status();
  assert.deepEqual(kinds(told), ["ack", "success"]);
  session.close();
  for (const [code, expected] of [["not_running", "NATIVE_UNAVAILABLE"], ["version_mismatch", "VERSION_MISMATCH"]]) {
    const failed = play({ connect: refusing(code), known: true });
    await failed.status({ active: false });
    assert.deepEqual(kinds(failed.told), ["ack", `ERR_WEBEID_${expected}`]);
  }
  const insecure = play({ known: true });
  await insecure.status({ secure: false });
  assert.deepEqual(kinds(insecure.told), ["ack", "ERR_WEBEID_CONTEXT_INSECURE"]);
});

test("an origin that had a permission need not wait for a slow daemon, a stranger hears nothing", async () => {
  for (const [known, scopes, expected] of [
    [true, ["sign_in"], ["ack", "success"]],
    [true, [], ["ack", "ERR_WEBEID_NATIVE_UNAVAILABLE"]],
    [false, [], []],
    [false, ["sign_in"], ["ack", "success"]],
  ]) {
    let answer;
    const { told, status, session } = play({ known, connect: () => new Promise((resolve) => (answer = () => resolve(line(scopes)))) });
    const asked = status({ active: false });
    // The session looks at the clock first: nothing here but time can make it speak.
    await new Promise((resolve) => setTimeout(resolve, 900));
    assert.deepEqual(kinds(told), known ? ["ack"] : []);
    answer();
    await asked;
    assert.deepEqual(kinds(told), expected);
    session.close();
  }
});

test("a stranger's status at a click is answered without the daemon, and says nothing of ours", async () => {
  const versions = { library: "2.1.0", extension: "2.1.0", nativeApp: "2.1.0" };
  const { told, status } = play({ connect: () => assert.fail("nobody is asked for it") });
  await status();
  assert.deepEqual(told, [{ action: "web-eid:status-ack" }, { action: "web-eid:status-success", ...versions }]);
  const bad = play({ connect: () => assert.fail() });
  await bad.status({ request: { action: "status", libraryVersion: "3.0.0", fields: {} } });
  assert.deepEqual(kinds(bad.told), ["ack", "ERR_WEBEID_VERSION_MISMATCH"]);
  // Its permission was taken back while it was not looked at.
  const former = play({ connect: refusing("not_allowed"), known: true });
  await former.status();
  assert.deepEqual(kinds(former.told), ["ack", "success"]);
  const insecure = play({ connect: () => assert.fail() });
  await insecure.status({ secure: false });
  assert.deepEqual(insecure.told, []);
});

test("a click's request has the person asked, though a status of the page's load is still on its way", async () => {
  for (const refused of [refusing("not_allowed"), () => line([])]) {
    const answers = [];
    const connect = (active) => new Promise((resolve, reject) => answers.push({ active, give: (act) => { try { resolve(act()); } catch (error) { reject(error); } } }));
    const { told, status, session } = play({ connect });
    const loading = status({ active: false });
    const clicked = session.hear({ request: { action: "authenticate", libraryVersion: "2.1.0", fields: { challengeNonce: "x" } }, secure: true, active: true });
    while (answers.length < 1) await new Promise(setImmediate);
    answers[0].give(refused);
    while (answers.length < 2) await new Promise(setImmediate);
    const request = async () => ({ result: { format: "web-eid:1.0" } });
    answers[1].give(() => line(["sign_in"], { request }));
    await Promise.all([loading, clicked]);
    assert.deepEqual(answers.map(({ active }) => active), [false, true]);
    assert.deepEqual(told.map(({ action }) => action), ["web-eid:authenticate-ack", "web-eid:authenticate-success"]);
    session.close();
  }
});

/** A daemon that waits for the person, who is asked about the site. */
function undecided() {
  const asked = [];
  const connect = (_active, signal) => new Promise((resolve, reject) => {
    asked.push({ signal, allow: () => resolve(line(["sign_in"], { request: () => assert.fail("signed for nobody") })) });
    signal.addEventListener("abort", () => reject(TrienError.local("closed", "by the page")));
  });
  return { asked, connect };
}
const signIn = (session, more = {}) =>
  session.hear({ request: { action: "authenticate", libraryVersion: "2.1.0", fields: { challengeNonce: "x" }, ...more }, secure: true, active: true });

test("n048 the question about the site goes with the page", async () => {
  const { asked, connect } = undecided();
  const { session } = play({ connect });
  const clicked = signIn(session);
  while (asked.length === 0) await new Promise(setImmediate);
  assert.equal(asked[0].signal.aborted, false);
  session.close();
  assert.equal(asked[0].signal.aborted, true);
  await clicked;
});

test("n047 the question about the site is part of the time that the page gives the person", async () => {
  const { asked, connect } = undecided();
  const { told, session } = play({ connect });
  const patient = signIn(session, { action: "get-signing-certificate", fields: {}, userInteractionTimeout: 400 });
  await signIn(session, { userInteractionTimeout: 30 });
  assert.equal(asked[0].signal.aborted, false, "another request still waits for the same answer");
  await patient;
  assert.equal(asked[0].signal.aborted, true);
  asked[0].allow();
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.deepEqual(told.map(({ action, error }) => [action.replace("web-eid:", ""), error?.code]), [
    ["get-signing-certificate-ack", undefined], ["authenticate-ack", undefined],
    ["authenticate-failure", "ERR_WEBEID_USER_TIMEOUT"], ["get-signing-certificate-failure", "ERR_WEBEID_USER_TIMEOUT"],
  ]);
  assert.equal(asked.length, 1);
  session.close();
});

test("a line that was closed, or that the daemon has ended, is made anew, once for all who find it so", async () => {
  const made = [];
  let closed = 0;
  const connect = () => {
    const one = line(["sign_in"], { close: () => (closed += 1) });
    made.push(one);
    return one;
  };
  const { told, status, session } = play({ connect });
  await status({ active: false });
  await status({ active: false });
  assert.deepEqual([made.length, told.length], [1, 4], "one line serves both");
  session.close();
  await new Promise(setImmediate);
  await status({ active: false });
  assert.deepEqual([made.length, closed], [2, 1]);
  made[1].conversation.ended = true;
  await Promise.all([status({ active: false }), status({ active: false })]);
  assert.equal(made.length, 3);
  session.close();
  await new Promise(setImmediate);
  assert.equal(closed, 2, "none that is open is left behind");
});

test("whatever a page has asked, its line is given up when nothing came for ten minutes", async (context) => {
  const timers = new Map();
  const real = [globalThis.setTimeout, globalThis.clearTimeout];
  context.after(() => ([globalThis.setTimeout, globalThis.clearTimeout] = real));
  globalThis.setTimeout = (act, ms) => {
    const timer = {};
    timers.set(timer, { act, ms });
    return timer;
  };
  globalThis.clearTimeout = (timer) => timers.delete(timer);
  const idle = () => [...timers.values()].filter(({ ms }) => ms === 600_000);
  const good = { action: "status", libraryVersion: "2.1.0", fields: {} };
  for (const [request, expected] of [
    [good, "success"],
    [{ ...good, libraryVersion: "2" }, "ERR_WEBEID_VERSION_INVALID"],
    [{ ...good, action: "authenticate" }, "ERR_WEBEID_MISSING_PARAMETER"],
  ]) {
    let closed = 0;
    const { told, status } = play({ connect: () => line(["sign_in"], { close: () => (closed += 1) }) });
    for (const time of [1, 2]) {
      await status({ request, active: false });
      assert.deepEqual([kinds(told).at(-1), idle().length, closed], [expected, 1, 0], `${JSON.stringify(request)}, time ${time}`);
    }
    const [{ act }] = idle();
    timers.clear();
    await act();
    await new Promise(setImmediate);
    assert.equal(closed, 1);
  }
  // While a request is at work nobody hangs up.
  let answer;
  const request = () => new Promise((resolve) => (answer = () => resolve({ result: {} })));
  const { told, session, status } = play({ connect: () => line(["sign_in"], { request }) });
  const signing = signIn(session);
  while (answer === undefined) await new Promise(setImmediate);
  await status({ request: { ...good, libraryVersion: "2" }, active: false });
  assert.equal(idle().length, 0);
  answer();
  await signing;
  assert.deepEqual([told.at(-1).action, idle().length], ["web-eid:authenticate-success", 1]);
  session.close();
});
