// What a page without the library asks, right and wrong, and what it is told: of the daemon and of the mock the same.
import { createHash } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";

const digest = (text) => createHash("sha256").update(text).digest("hex");
const base64 = (bytes) => Buffer.from(bytes).toString("base64");
const named = (text, name = `${text}.txt`) => ({ name, sha256: digest(text), size: text.length });
const piece = (text, from = 0, to = text.length, size = text.length) => ({ sha256: digest(text), size, offset: from, data: base64(text.slice(from, to)) });
const signing = (...documents) => ({ documents, format: "cades_attached" });
const KEY = "0123456789abcdef";
const NONCE = base64(Array.from({ length: 32 }, (_, index) => index));
const ALL = ["certificates", "sign_in", "sign", "batch", "verify", "blind_digest"];
const UNKNOWN = "ab".repeat(32);

/** What a reply says: the code of an error, or that it is none. */
const told = ({ error }) => error?.data.code ?? "done";

export async function until(holds) {
  while (!holds()) await pause(20);
}

/** Of each request of a list what became of it, one after the other. */
async function each(call, requests) {
  const outcomes = [];
  for (const [method, params] of requests) outcomes.push(told(await call(method, params)));
  return outcomes;
}

/**
 * Each with what the origin may ask for. `run` gets a `line`, greeted unless that is not wanted: `call` asks, `begin` asks and
 * gives at once the number of the request with its reply. `connect` gives another line, `say` tells the person what to answer
 * from now on (`approve`, `hang`), `asked` is how often he was asked, and `opened` waits until the so manieth question is before
 * him, with what he was told to answer till then.
 */
export const CASES = [
  {
    name: "nothing before hello, and hello once", scopes: ALL, greeted: false,
    run: ({ line: { call } }) => each(call, [
      ["certificates", {}], ["upload", piece("abc")], ["hello", { versions: [2] }], ["hello", { versions: [1] }], ["hello", { versions: [1] }],
      ["sign_everything", {}],
    ]),
    expected: ["hello_expected", "hello_expected", "version_mismatch", "done", "hello_expected", "method_not_found"],
  },
  ...[
    [["certificates"], ["done", "not_allowed", "not_allowed", "not_allowed", "not_allowed", "not_allowed", "not_allowed", "not_allowed"]],
    [["sign_in"], ["not_allowed", "done", "not_allowed", "not_allowed", "not_allowed", "not_allowed", "not_allowed", "not_allowed"]],
    [["sign"], ["not_allowed", "not_allowed", "not_allowed", "done", "not_allowed", "not_allowed", "not_allowed", "not_allowed"]],
    [["batch", "sign"], ["not_allowed", "not_allowed", "not_allowed", "done", "done", "not_allowed", "not_allowed", "not_allowed"]],
    [["blind_digest"], ["not_allowed", "not_allowed", "not_allowed", "not_allowed", "not_allowed", "certificate_not_found", "not_allowed", "not_allowed"]],
    [["sign_in", "certificates"], ["done", "done", "done", "not_allowed", "not_allowed", "not_allowed", "not_allowed", "not_allowed"]],
    [["verify"], ["not_allowed", "not_allowed", "not_allowed", "not_allowed", "not_allowed", "not_allowed", "not_allowed", "document_missing"]],
  ].map(([scopes, expected]) => ({
    name: `with ${scopes} alone`, scopes, expected, capabilities: [],
    run: async ({ line: { call } }) => {
      for (const text of ["abc", "def"]) await call("upload", piece(text));
      const blind = { certificate: UNKNOWN, hash: "SHA-256" };
      return each(call, [
        ["certificates", {}], ["authenticate", { nonce: NONCE }], ["authenticate", { nonce: NONCE, signing_certificate: true }],
        ["sign_documents", signing(named("abc"))], ["sign_documents", signing(named("abc"), named("def"))],
        ["sign_digest", { ...blind, digest: base64(Buffer.alloc(32)) }], ["sign_digests", { ...blind, digests: [{ digest: base64(Buffer.alloc(32)) }] }],
        ["verify_documents", { documents: [named("no such")] }],
      ]);
    },
  })),
  {
    name: "a token to sign in with names its format", scopes: ALL,
    run: async ({ line: { call } }) => {
      const formats = [];
      for (const signing_certificate of [false, true]) {
        const { result } = await call("authenticate", { nonce: NONCE, signing_certificate });
        formats.push([result.format, result.unverifiedSigningCertificates?.length]);
      }
      return formats;
    },
    expected: [["web-eid:1.0", undefined], ["web-eid:1.1", 1]],
  },
  {
    name: "challenges that are none", scopes: ALL,
    run: ({ line: { call } }) => each(call, [
      "", base64(Buffer.alloc(32)), NONCE.slice(0, 43), NONCE.replace("=", ""), `${NONCE.slice(0, 43)} `, base64(Buffer.from(NONCE).subarray(0, 31)),
      base64(Array.from({ length: 97 }, (_, index) => index)), "_".repeat(44),
    ].map((nonce) => ["authenticate", { nonce }])),
    expected: Array(8).fill("bad_nonce"),
  },
  {
    name: "digests that are none, and certificates that the page was not shown on this connection", scopes: ALL,
    run: async ({ line: { call }, connect }) => {
      const { result: { sha256: certificate } } = await call("certificates", {});
      const of = (length, more = {}) => ({ certificate, hash: "SHA-256", digest: base64(Buffer.alloc(length, 1)), ...more });
      const batch = (digests, more = {}) => ({ certificate, hash: "SHA-256", digests, ...more });
      const { digest: good } = of(32);
      const other = await connect();
      return [
        ...await each(call, [
          ["sign_digest", of(20)], ["sign_digest", of(32, { hash: "SHA-384" })], ["sign_digest", of(32, { digest: "?" })],
          ["sign_digest", of(32, { certificate: UNKNOWN })], ["sign_digest", of(31, { certificate: UNKNOWN })], ["sign_digest", of(32)],
          ["sign_digests", batch([])], ["sign_digests", batch(Array(501).fill({ digest: good }))],
          ["sign_digests", batch([{ digest: good }, { digest: "AAAA" }])], ["sign_digests", batch([{ digest: good, name: "a".repeat(256) }])],
          ["sign_digests", batch([{ digest: good }], { certificate: UNKNOWN })],
        ]),
        ...await each(other.call, [["sign_digest", of(32)], ["upload", piece("abc")], ["sign_documents", { ...signing(named("abc")), certificate }]]),
      ];
    },
    expected: [
      "bad_digest", "bad_digest", "bad_request", "certificate_not_found", "bad_digest", "done", "bad_request", "too_large", "bad_digest", "too_large",
      "certificate_not_found", "certificate_not_found", "done", "certificate_not_found",
    ],
  },
  {
    name: "manifests that are none", scopes: ALL,
    run: async ({ line: { call } }) => {
      await call("upload", piece("abc"));
      const many = Array(501).fill(named("abc"));
      return each(call, [
        ["sign_documents", signing()], ["sign_documents", signing(...many)], ["sign_documents", signing(named("abc", "a".repeat(256)))],
        ["sign_documents", { ...signing(named("abc")), content: named("abc") }], ["verify_documents", { documents: [] }],
        ["verify_documents", { documents: many }], ["sign_documents", signing({ ...named("abc"), size: 4 })],
        ["sign_documents", signing({ ...named("new"), size: 0 })], ["sign_documents", signing({ ...named("new"), size: 1e9 })],
        ["sign_documents", signing(named("new"), { ...named("new"), size: 4 })],
        ["sign_documents", { ...signing(named("abc")), format: "xmldsig", level: "B-T" }],
      ]);
    },
    expected: [
      "bad_request", "too_large", "too_large", "bad_request", "bad_request", "too_large", "batch_mismatch", "bad_request", "too_large", "bad_request", "bad_request",
    ],
  },
  {
    name: "what has come of a document is gone after a mistake, and what is complete stays", scopes: ALL, capabilities: [],
    run: ({ line: { call } }) => each(call, [
      ["upload", piece("abcdef", 0, 3)], ["download", { sha256: digest("abcdef"), offset: 0, length: 9 }],
      ["upload", piece("abcdef", 0, 3)], ["upload", piece("abcdef", 0, 3)], ["upload", piece("abcdef", 3)],
      ["upload", piece("abcdef")], ["upload", piece("abcdef", 2, 4)], ["upload", { ...piece("abcdef"), data: base64("abcdeF") }],
      ["upload", piece("abcdef", 3, 6, 7)], ["download", { sha256: digest("abcdef"), offset: 6, length: 9 }], ["download", { sha256: digest("abcdef"), offset: 5, length: 9 }],
      ["upload", { ...piece("xyz"), data: base64("xyZ") }], ["upload", piece("xyz")],
      ["upload", piece("later", 2)], ["upload", piece("later", 0, 0)], ["upload", { ...piece("later"), size: 4 }], ["upload", { ...piece("later"), sha256: "AB" }],
      ["upload", { ...piece("later"), size: 1e9 }], ["upload", { ...piece("later"), size: 0 }], ["upload", { ...piece("later"), data: "?" }], ["upload", piece("later")],
    ]),
    expected: [
      "done", "document_missing", "upload_mismatch", "done", "done", "done", "done", "upload_mismatch", "upload_mismatch", "bad_request", "done",
      "upload_mismatch", "done", "upload_mismatch", "bad_request", "upload_mismatch", "bad_request", "too_large", "bad_request", "bad_request", "done",
    ],
  },
  {
    name: "after a request that was taken back in its upload the next begins anew", scopes: ALL,
    run: async ({ line: { call, begin } }) => {
      const taken = begin("sign_documents", signing(named("abcdef")));
      const half = await call("upload", piece("abcdef", 0, 3));
      const cancelled = await call("cancel", { request: taken.id });
      const once = begin("sign_documents", signing(named("abcdef")));
      const whole = await call("upload", piece("abcdef"));
      return [...[half, await taken.reply, cancelled, whole, await once.reply].map(told), cancelled.result.cancelled];
    },
    expected: ["done", "cancelled", "done", "done", "done", true],
  },
  {
    name: "under a key nothing is signed twice", scopes: ALL,
    run: async ({ line: { call }, connect, asked }) => {
      await call("upload", piece("abc"));
      const params = { ...signing(named("abc")), idempotency_key: KEY };
      const [first, other] = [await call("sign_documents", params), await connect()];
      const again = [await call("sign_documents", params), await other.call("sign_documents", params)];
      const [{ sha256 }] = first.result.documents;
      // What was signed is there too, and the certificate has been shown.
      const fetched = await other.call("download", { sha256, offset: 0, length: 9 });
      const { result: { certificate } } = first;
      const digests = { certificate: certificate.sha256, hash: "SHA-256", digest: base64(Buffer.alloc(32, 1)) };
      return [
        ...again.map(({ result }) => JSON.stringify(result.receipt) === JSON.stringify(first.result.receipt)), asked(), told(fetched),
        ...await each(other.call, [
          ["sign_documents", { ...params, format: "cades_detached" }], ["authenticate", { nonce: NONCE, idempotency_key: KEY }], ["sign_digest", digests],
          ["sign_documents", { ...params, idempotency_key: "short" }], ["sign_digest", { ...digests, idempotency_key: "f3Yk0a5_8sQvTqJ2xw9-01" }],
        ]),
      ];
    },
    expected: [true, true, 1, "done", "key_reused", "key_reused", "done", "bad_request", "done"],
  },
  {
    name: "while a request is at work its key is busy, and free when it was taken back", scopes: ALL,
    run: async ({ line: { call, begin, close }, connect, say, asked, opened }) => {
      await say("hang");
      const params = { nonce: NONCE, idempotency_key: KEY };
      const outcomes = [];
      const open = begin("authenticate", params);
      await opened(1);
      const other = await connect();
      outcomes.push(told(await other.call("authenticate", params)), told(await call("cancel", { request: open.id })), told(await open.reply));
      begin("authenticate", params);
      await opened(2);
      await say("approve");
      close();
      // That the page has gone is heard a moment later.
      let last;
      do last = told(await other.call("authenticate", params)); while (last === "busy");
      return [...outcomes, last, told(await other.call("authenticate", params)), asked()];
    },
    expected: ["busy", "done", "cancelled", "done", "done", 3],
  },
];
