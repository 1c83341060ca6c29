/** The options page: whether the program is well, which sites have a permission, and where Web eID is answered. */

import { TrienError } from "../../sdk/src/error.ts";
import type { HelloReply } from "../../sdk/src/protocol.ts";
import { greet } from "./native.ts";
import { OURS } from "./places.ts";
import { isSilent, isSilentByPolicy, knownOrigins, learn, setSilent } from "./settings.ts";
import type { Language, TextKey } from "./texts.ts";
import { scopeNames, texts } from "./texts.ts";

/** What is known of a site. */
interface Site {
  origin: string;
  /** `undefined` while the program cannot be asked. */
  scopes: string[] | undefined;
  /** When each ends that does, RFC 3339. */
  expires: Record<string, string>;
  silent: boolean;
  fixed: boolean;
}

/** How the program is. */
type Health = { state: "looking" } | { state: "well" } | { state: "ill"; error: TrienError };

let language: Language = chrome.i18n.getUILanguage().startsWith("vi") ? "vi" : "en";
let health: Health = { state: "looking" };
/** `undefined` while the browser's store cannot be read. */
let sites: Site[] | undefined = [];
/** The look that is being taken. */
let looking: Promise<void> | undefined;

function element(id: string): HTMLElement {
  return document.getElementById(id) as HTMLElement;
}

function text(key: TextKey): string {
  return texts[key][language];
}

/** How long the way to the program and back may take, in milliseconds: a hundred times what it takes. */
const PATIENCE_MS = 10_000;

/** What the daemon says to a page of this site. Throws `TrienError`. */
async function helloFor(origin: string): Promise<HelloReply> {
  const end = AbortSignal.timeout(PATIENCE_MS);
  try {
    const { conversation, hello } = await greet({ origin, topOrigin: origin }, false, OURS, "options page", end);
    conversation.close();
    return hello;
  } catch (error) {
    throw end.aborted ? TrienError.local("timed_out", "hello") : error;
  }
}

/** An origin of the extension itself has no permission: that it is told so shows that the whole way is there. */
async function examine(): Promise<Health> {
  try {
    await helloFor("https://extension.invalid");
    return { state: "well" };
  } catch (error) {
    if (error instanceof TrienError && error.code === "not_allowed") return { state: "well" };
    return { state: "ill", error: error instanceof TrienError ? error : TrienError.local("internal", String(error)) };
  }
}

/** Asks the daemon what a site may do now; a site that has lost its permission is forgotten. */
async function scopesOf(origin: string): Promise<Pick<Site, "scopes" | "expires">> {
  try {
    const { scopes, expires = {} } = await helloFor(origin);
    return { scopes, expires };
  } catch (error) {
    if (error instanceof TrienError && error.code === "not_allowed") return { scopes: [], expires: {} };
    throw error;
  }
}

async function siteOf(origin: string): Promise<Site | undefined> {
  const [silent, fixed] = [await isSilent(origin), await isSilentByPolicy(origin)];
  const unknown = { scopes: undefined, expires: {} };
  const { scopes, expires } = health.state === "well" ? await scopesOf(origin).catch(() => unknown) : unknown;
  if (scopes?.length === 0) {
    await learn({ origin, topOrigin: origin }, false);
    return undefined;
  }
  return { origin, scopes, expires, silent, fixed };
}

/** One look at a time: each starts processes. */
function look(): Promise<void> {
  return (looking ??= lookAround().finally(() => (looking = undefined)));
}

async function lookAround(): Promise<void> {
  health = { state: "looking" };
  show();
  health = await examine();
  sites = await remembered().catch(() => undefined);
  show();
}

async function remembered(): Promise<Site[]> {
  const found: Site[] = [];
  // One after the other: each starts a process.
  for (const origin of await knownOrigins()) {
    const site = await siteOf(origin);
    if (site !== undefined) found.push(site);
  }
  return found.sort((one, other) => one.origin.localeCompare(other.origin));
}

function show(): void {
  document.documentElement.lang = language;
  document.title = text("title");
  for (const node of document.querySelectorAll<HTMLElement>("[data-text]")) node.textContent = text(node.dataset.text as TextKey);
  for (const button of document.querySelectorAll<HTMLElement>("[data-language]")) {
    button.setAttribute("aria-pressed", String(button.dataset.language === language));
  }
  const state = element("state");
  state.dataset.state = health.state;
  state.dataset.code = health.state === "ill" ? health.error.code : "";
  state.textContent = health.state === "ill" ? health.error.text[language] : text(health.state);
  element("remedy").textContent = health.state === "ill" ? health.error.remedy[language] : "";
  element("version").textContent = `${text("version")} ${chrome.runtime.getManifest().version}`;
  const none = element("none");
  none.textContent = text(sites === undefined ? "sites-unreadable" : "none");
  none.hidden = health.state === "looking" || (sites !== undefined && sites.length > 0);
  element("list").replaceChildren(...(sites ?? []).map(row));
}

/** What a site may do: what ends on the same day together, with that day. */
function permissions(scopes: string[], expires: Record<string, string>): string {
  const day = (scope: string) => {
    const end = expires[scope];
    const date = { year: "numeric", month: "2-digit", day: "2-digit" } as const;
    return end === undefined ? text("no-end") : `${text("until")} ${new Date(end).toLocaleDateString(language === "vi" ? "vi-VN" : "en-GB", date)}`;
  };
  const ends = [...new Set(scopes.map(day))];
  const named = (end: string) => scopes.filter((scope) => day(scope) === end).map((scope) => scopeNames[scope]?.[language] ?? scope);
  return ends.map((end) => `${named(end).join("; ")} (${end})`).join("; ");
}

function row(site: Site): HTMLElement {
  const { origin, scopes, expires, silent, fixed } = site;
  const made = document.createElement("li");
  made.dataset.origin = origin;
  const name = document.createElement("strong");
  name.textContent = origin;
  const may = document.createElement("div");
  may.textContent = scopes === undefined
    ? text("scopes-unknown")
    : permissions(scopes, expires);
  const label = document.createElement("label");
  const box = document.createElement("input");
  box.type = "checkbox";
  box.checked = !silent;
  box.disabled = fixed;
  const problem = document.createElement("div");
  problem.role = "alert";
  box.addEventListener("change", () => void choose(site, box, problem));
  label.append(box, ` ${text(fixed ? "web-eid-fixed" : "web-eid")}`);
  made.append(name, may, label, problem);
  return made;
}

/** The box shows what counts, whatever the person has just chosen. */
async function choose(site: Site, box: HTMLInputElement, problem: HTMLElement): Promise<void> {
  const silent = !box.checked;
  problem.textContent = "";
  try {
    await setSilent(site.origin, silent);
    site.silent = silent;
  } catch {
    box.checked = !site.silent;
    problem.textContent = text("unsaved");
  }
}

for (const button of document.querySelectorAll<HTMLElement>("[data-language]")) {
  button.addEventListener("click", () => {
    language = button.dataset.language as Language;
    show();
  });
}
element("again").addEventListener("click", () => void look());
void look();
