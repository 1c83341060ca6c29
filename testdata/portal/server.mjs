#!/usr/bin/env node
// The demo portal's server: shows a dossier, takes what comes back signed, and has `trien verify` judge it.
//
//   node server.mjs --trien PATH --trust DIR --out DIR --dossier FILE [--dossier FILE…] [--port N]
//     [--websocket-port N] [--tls-key FILE --tls-cert FILE] [--header "Name: value"…]
import { execFile } from "node:child_process";
import { mkdir, readFile, rename, stat, writeFile } from "node:fs/promises";
import http from "node:http";
import https from "node:https";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";

const here = path.dirname(fileURLToPath(import.meta.url));
const extensionHost = path.join(here, "../../extension-host");

/** Largest signed document that is taken, in bytes. */
const MAX_BODY = 128 * 1024 * 1024;

/** How long a verification may take, in milliseconds. */
const VERIFY_MS = 60_000;

const PAGE = {
  "/": ["page/index.html", "text/html; charset=utf-8"],
  "/portal.css": ["page/portal.css", "text/css; charset=utf-8"],
  "/portal.js": ["page/portal.js", "text/javascript; charset=utf-8"],
  "/texts.js": ["page/texts.js", "text/javascript; charset=utf-8"],
  "/sdk.js": [path.join(extensionHost, "sdk/dist/index.js"), "text/javascript; charset=utf-8"],
  "/icon.png": [path.join(extensionHost, "webextension/icons/128.png"), "image/png"],
};

/** What a signed document is called, by format. */
const SUFFIX = { pades: ".pdf", cades_attached: ".p7m", cades_detached: ".p7s", xades_enveloped: ".xml", xmldsig: ".xml" };

const ROADS = ["extension", "websocket"];

/**
 * Starts a portal. `headers` wins over the portal's own response headers.
 * Returns its address and a function that ends it.
 */
export async function startPortal({ port = 0, trien, trust, out, dossiers, websocketPort = 47470, tls, headers = {} }) {
  await mkdir(out, { recursive: true });
  const portal = { trien, trust, out, websocketPort, documents: await Promise.all(dossiers.map(describe)) };
  const send = (response, status, type, body) => {
    response.writeHead(status, { ...securityHeaders(websocketPort), ...headers, "Content-Type": type });
    response.end(body);
  };
  const answer = async (request, response) => {
    try {
      const [status, type, body] = await route(portal, request);
      send(response, status, type, body);
    } catch (error) {
      console.error(error);
      send(response, 500, "text/plain; charset=utf-8", "500");
    }
  };
  const server = tls ? https.createServer(tls, answer) : http.createServer(answer);
  await new Promise((resolve, reject) => server.once("error", reject).listen(port, "127.0.0.1", resolve));
  const close = () => new Promise((resolve) => {
    server.close(resolve);
    server.closeAllConnections();
  });
  return { url: `${tls ? "https" : "http"}://127.0.0.1:${server.address().port}`, close };
}

function securityHeaders(websocketPort) {
  const policy = [
    "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self'",
    `connect-src 'self' ws://127.0.0.1:${websocketPort}`,
    "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
  ];
  return {
    "Content-Security-Policy": policy.join("; "),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
  };
}

async function describe(file, index) {
  const { size } = await stat(file);
  return { file, name: path.basename(file), size, url: `/documents/${index}` };
}

/** Returns status, content type and body. */
async function route(portal, request) {
  const url = new URL(request.url, "http://portal");
  const [, first, second, third] = url.pathname.split("/");
  const get = request.method === "GET";
  const page = PAGE[url.pathname];
  if (get && page) return [200, page[1], await readFile(path.resolve(here, page[0]))];
  if (get && url.pathname === "/api/dossier") return json(publicDossier(portal));
  const document = portal.documents[Number(first === "api" ? third : second)];
  if (get && first === "documents" && document) return [200, "application/pdf", await readFile(document.file)];
  if (request.method === "POST" && first === "api" && second === "results" && document) {
    return receive(portal, document, url.searchParams, request);
  }
  if (get && first === "results") return result(portal, decodeURIComponent(second ?? ""));
  return [404, "text/plain; charset=utf-8", "404"];
}

function json(value, status = 200) {
  return [status, "application/json; charset=utf-8", JSON.stringify(value)];
}

function publicDossier({ websocketPort, documents }) {
  return { websocket_port: websocketPort, documents: documents.map(({ name, size, url }) => ({ name, size, url })) };
}

/** Keeps a signed document under a name of our own making, and has it judged. */
async function receive(portal, document, query, request) {
  const suffix = SUFFIX[query.get("format")];
  const road = query.get("road");
  if (suffix === undefined || !ROADS.includes(road)) return json({ error: "format or road" }, 400);
  const body = await readBody(request);
  if (body === undefined) return json({ error: "too large" }, 413);
  const file = `${path.parse(document.name).name}.${road}.signed${suffix}`;
  const place = path.join(portal.out, file);
  await writeFile(`${place}.part`, body);
  await rename(`${place}.part`, place);
  const content = query.get("format") === "cades_detached" ? ["--content", document.file] : [];
  return json({ file: place, name: file, url: `/results/${encodeURIComponent(file)}`, ...(await verify(portal, place, content)) });
}

/** Only names that this server can have given are looked for. */
async function result(portal, file) {
  const expected = portal.documents.flatMap(({ name }) => ROADS.flatMap((road) =>
    Object.values(SUFFIX).map((suffix) => `${path.parse(name).name}.${road}.signed${suffix}`)));
  if (!expected.includes(file)) return [404, "text/plain; charset=utf-8", "404"];
  const type = file.endsWith(".pdf") ? "application/pdf" : "application/pkcs7-mime";
  return [200, type, await readFile(path.join(portal.out, file))];
}

async function readBody(request) {
  const pieces = [];
  let length = 0;
  for await (const piece of request) {
    length += piece.length;
    if (length > MAX_BODY) return undefined;
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

/** Exit status 0 is "valid", 1 is "not valid"; anything else is a failure of the verification itself. */
async function verify({ trien, trust }, file, content) {
  const base = ["verify", "--trust", trust, ...content];
  const [report, vi, en] = await Promise.all([
    run(trien, [...base, "--json", file]),
    run(trien, [...base, "--lang", "vi", file]),
    run(trien, [...base, "--lang", "en", file]),
  ]);
  if (report.status > 1) throw new Error(`trien verify: ${report.stderr}`);
  return { valid: report.status === 0, report: JSON.parse(report.stdout), words: { vi: vi.stdout, en: en.stdout } };
}

function run(program, words) {
  return new Promise((resolve, reject) => {
    const limits = { timeout: VERIFY_MS, maxBuffer: 16 * 1024 * 1024 };
    execFile(program, words, limits, (error, stdout, stderr) => {
      if (error && typeof error.code !== "number") reject(error);
      else resolve({ status: error?.code ?? 0, stdout, stderr });
    });
  });
}

async function main() {
  const text = { type: "string" };
  const many = { type: "string", multiple: true };
  const { values } = parseArgs({ options: {
    port: text, trien: text, trust: text, out: text, dossier: many, "websocket-port": text,
    "tls-key": text, "tls-cert": text, header: many,
  } });
  for (const name of ["trien", "trust", "out", "dossier"]) {
    if (values[name] === undefined) throw new Error(`--${name} is missing`);
  }
  const tls = values["tls-key"] && { key: await readFile(values["tls-key"]), cert: await readFile(values["tls-cert"]) };
  const headers = Object.fromEntries((values.header ?? []).map((line) => line.split(/:\s*(.*)/s, 2)));
  const { url } = await startPortal({
    port: Number(values.port ?? 0), trien: values.trien, trust: values.trust, out: values.out,
    dossiers: values.dossier, websocketPort: Number(values["websocket-port"] ?? 47470), tls, headers,
  });
  console.log(`ready ${url}/`);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) await main();
