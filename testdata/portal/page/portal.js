// The portal's page. All that it knows of signing is in submit(): connect, sign, close.
import { Trien, TrienError } from "/sdk.js";
import { texts } from "/texts.js";

const query = new URLSearchParams(location.search);
const $ = (id) => document.getElementById(id);
const dossier = await (await fetch("/api/dossier")).json();

let language = query.get("lang") === "en" ? "en" : "vi";
/** Says the status and the result again, after a change of language. */
let retell = () => {};

function text(key, values = {}) {
  return texts[language][key].replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

/** The road the person chose; both in the library's order if none. */
function roads() {
  return $("road").value === "automatic" ? undefined : [$("road").value];
}

async function submit(signal) {
  say("connecting");
  const trien = await Trien.connect({ client: "portal-demo", port: dossier.websocket_port, roads: roads(), signal, onAsking: () => say("asking") });
  try {
    say("reading");
    const format = $("format").value;
    const { documents, certificate } = await trien.signDocuments({
      documents: await Promise.all(dossier.documents.map(fetchDocument)),
      format,
      ...(format === "pades" ? onThePage() : {}),
      signal,
      onProgress: ({ stage, done, total }) => {
        $("progress").max = total || 1;
        $("progress").value = done;
        say(stage, { done, total, percent: Math.floor((100 * done) / (total || 1)) });
      },
    });
    const refused = documents.find((document) => document.error);
    if (refused) throw refused.error;
    say("submitting");
    const query = new URLSearchParams({ format, road: trien.road });
    const receipts = await Promise.all(documents.map(({ bytes }, index) => deliver(index, query, bytes)));
    return { road: trien.road, signer: certificate.subject.common_name, receipts };
  } finally {
    trien.close();
  }
}

/** What a PAdES signature carries and looks like. */
function onThePage() {
  const rectangle = [335, 122, 525, 198];
  return {
    reason: text("reason"),
    location: text("location"),
    ...($("visible").checked ? { appearance: { page: 1, rectangle, language } } : {}),
  };
}

async function fetchDocument({ name, url }) {
  return { name, bytes: await (await fetch(url)).blob() };
}

async function deliver(index, query, bytes) {
  const response = await fetch(`/api/results/${index}?${query}`, { method: "POST", body: bytes });
  if (!response.ok) throw new Error(`${response.status}`);
  return response.json();
}

async function sign() {
  const abort = new AbortController();
  $("cancel").onclick = () => abort.abort();
  working(true);
  const started = performance.now();
  try {
    const outcome = await submit(abort.signal);
    show(outcome.receipts.every(({ valid }) => valid) ? "done" : "failed", () => describe(outcome));
    $("result").dataset.road = outcome.road;
    $("result").dataset.milliseconds = String(Math.round(performance.now() - started));
    $("result").dataset.files = JSON.stringify(outcome.receipts.map(({ file }) => file));
    $("step-sign").className = $("step-check").className = "done";
  } catch (error) {
    console.warn(error);
    $("result").dataset.code = error instanceof TrienError ? error.code : "portal";
    $("result").dataset.detail = error.detail ?? String(error);
    show("failed", () => explain(error));
  } finally {
    working(false);
  }
}

function working(on) {
  $("sign").disabled = on;
  $("cancel").hidden = $("progress").hidden = !on;
  if (!on) return;
  $("progress").removeAttribute("value");
  for (const key of ["code", "detail", "road", "files", "milliseconds"]) delete $("result").dataset[key];
  $("result").dataset.state = "working";
  $("result").hidden = true;
}

function say(key, values) {
  retell = () => ($("status").textContent = text(key, values));
  retell();
}

function show(state, tell) {
  $("status").textContent = "";
  retell = () => {
    const [heading, ...body] = tell();
    $("result-heading").textContent = heading;
    $("result-body").replaceChildren(...body);
  };
  retell();
  $("result").hidden = false;
  $("result").dataset.state = state;
}

function describe({ signer, receipts }) {
  const valid = receipts.every((receipt) => receipt.valid);
  return [
    text(valid ? "done" : "invalid"),
    ...(signer ? [element("p", text("signer", { name: signer }))] : []),
    ...receipts.flatMap(({ name, url, words }) => {
      const link = element("a", text("signed-file", { name }));
      link.href = url;
      const paragraph = element("p", "");
      paragraph.append(link);
      return [paragraph, element("h3", text("report")), element("pre", words[language])];
    }),
  ];
}

function explain(error) {
  if (!(error instanceof TrienError)) return [text("failed"), element("p", text("submit-failed"))];
  const code = element("p", text("code", { code: error.code }));
  code.className = "code";
  return [text("failed"), element("p", error.text[language]), element("p", error.remedy[language]), code];
}

function element(name, content) {
  const made = document.createElement(name);
  made.textContent = content;
  return made;
}

function listDocuments() {
  const rows = dossier.documents.map(({ name, url, size }) => {
    const link = element("a", name);
    link.href = url;
    const row = element("li", "");
    const kilobytes = new Intl.NumberFormat(language).format(Math.ceil(size / 1000));
    const note = element("span", `PDF, ${kilobytes} kB`);
    note.className = "size";
    row.append(link, note);
    return row;
  });
  $("documents").replaceChildren(...rows);
}

function speak(chosen) {
  language = chosen;
  document.documentElement.lang = chosen;
  for (const node of document.querySelectorAll("[data-text]")) node.textContent = text(node.dataset.text);
  for (const button of document.querySelectorAll("[data-language]")) {
    button.setAttribute("aria-pressed", String(button.dataset.language === chosen));
    button.onclick = () => speak(button.dataset.language);
  }
  listDocuments();
  retell();
}

for (const id of ["road", "format"]) {
  const wanted = query.get(id);
  if ([...$(id).options].some(({ value }) => value === wanted)) $(id).value = wanted;
}
$("form").addEventListener("submit", (event) => {
  event.preventDefault();
  void sign();
});
speak(language);
document.documentElement.dataset.ready = "true";
if (query.get("autosign") === "1") void sign();
