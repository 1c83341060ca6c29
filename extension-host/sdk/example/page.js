// A page to copy: a batch of documents, or of digests, with one question and one PIN; what became of each; a receipt.
import { Trien, TrienError } from "./sdk.js";

const $ = (id) => document.getElementById(id);
const port = Number(new URLSearchParams(location.search).get("port")) || undefined;

/** What the person reads while a request is under way. A library's stage that is new here is shown as it is called. */
const STAGES = {
  uploading: "Đang chuyển tài liệu đến Triện…",
  asking: "Hãy xem cửa sổ Triện trên máy của bạn.",
  signing: "Thiết bị đang ký…",
  paused: "Thiết bị ký đã bị rút ra. Hãy cắm lại và nhập mã PIN trong cửa sổ Triện, hoặc hủy ở đó.",
  downloading: "Đang nhận tài liệu đã ký…",
};

function onProgress({ stage, done, total }) {
  $("status").textContent = `${STAGES[stage] ?? stage} (${done}/${total})`;
  $("progress").max = total || 1;
  $("progress").value = done;
}

/** Signs the documents themselves: the person sees and can open each of them. */
async function signDocuments(trien, files, options) {
  const documents = files.map((file) => ({ name: file.name, bytes: file }));
  const signed = await trien.signDocuments({ documents, format: "pades", results: "blob", ...options });
  const results = signed.documents.map(({ name, blob, error }) => ({ name, error, href: blob && URL.createObjectURL(blob) }));
  return { results, receipt: signed.receipt };
}

/** Signs digests alone: for portals that make the signature's container themselves. Needs a permission of its own. */
async function signDigests(trien, files, options) {
  const { sha256: certificate } = await trien.certificates({ signal: options.signal });
  const digests = await Promise.all(files.map(async (file) => {
    const digest = await crypto.subtle.digest("SHA-256", await file.arrayBuffer());
    return { name: file.name, digest: new Uint8Array(digest) };
  }));
  const { signatures, receipt } = await trien.signDigests({ certificate, hash: "SHA-256", digests, ...options });
  const results = signatures.map(({ name, signature, error }) => ({ name, error, text: signature }));
  return { results, receipt };
}

/** Connects, after a click; has it signed; shows what became of each. A connection that is lost comes back by itself. */
async function run(sign) {
  if ($("files").files.length === 0) {
    $("status").textContent = "Hãy chọn ít nhất một tài liệu.";
    return;
  }
  const abort = new AbortController();
  $("cancel").onclick = () => abort.abort();
  busy(true);
  try {
    const onAsking = () => ($("status").textContent = STAGES.asking);
    const trien = await Trien.connect({ client: "example", port, signal: abort.signal, onAsking });
    try {
      const onError = $("stop").checked ? "stop" : "go_on";
      const { results, receipt } = await sign(trien, [...$("files").files], { onError, signal: abort.signal, onProgress });
      show(results, receipt);
    } finally {
      trien.close();
    }
  } catch (error) {
    // Nothing at all was signed. `text` and `remedy` are for the person, `code` is for programs.
    if (!(error instanceof TrienError)) throw error;
    $("status").textContent = `${error.text.vi} ${error.remedy.vi}`;
    $("status").dataset.code = error.code;
  } finally {
    busy(false);
  }
}

function show(results, receipt) {
  const made = results.filter(({ error }) => error === undefined).length;
  $("status").textContent = `Đã ký ${made}/${results.length}.`;
  $("results").replaceChildren(...results.map(({ name, error, href, text }) => {
    const item = document.createElement("li");
    item.dataset.code = error?.code ?? "signed";
    item.textContent = `${name}: ${error ? `${error.text.vi} ${error.remedy.vi}` : (text ?? "đã ký ")}`;
    if (href) {
      const link = Object.assign(document.createElement("a"), { href, download: name, textContent: "tải về" });
      item.append(link);
    }
    return item;
  }));
  // To be kept with what was signed: `trien audit verify --receipt` checks it on the person's computer.
  $("receipt").hidden = false;
  $("receipt").querySelector("pre").textContent = JSON.stringify(receipt, null, 2);
}

function busy(on) {
  for (const id of ["documents", "digests"]) $(id).disabled = on;
  $("cancel").disabled = !on;
  $("progress").hidden = !on;
  if (on) delete $("status").dataset.code;
  $("progress").removeAttribute("value");
}

$("documents").onclick = () => run(signDocuments);
$("digests").onclick = () => run(signDigests);
document.documentElement.dataset.ready = "true";
