/** What the extension remembers: which origins had a permission, and where Web eID's messages are not answered. */

import type { Origins } from "./origin.ts";

/** Origins of each kind; the oldest go first. */
const MAX_ORIGINS = 500;

/** A list in the browser's store. */
type List = "known" | "silent";

/** Origins that had a permission when they were last seen, the latest last. */
export async function knownOrigins(): Promise<string[]> {
  return read("known");
}

/** Whether an origin had a permission when it was last seen. */
export async function isKnown(origin: string): Promise<boolean> {
  return (await read("known")).includes(origin);
}

/**
 * Remembers, or forgets, that a page's origin has a permission, by the daemon's word. With a frame, both its site and the
 * page around it have one; a refusal in a frame may be about either, so nothing is forgotten then.
 */
export async function learn({ origin, topOrigin }: Origins, permitted: boolean): Promise<void> {
  if (permitted || origin === topOrigin) await change("known", origin, permitted);
}

/** Whether messages of Web eID are to stay unanswered here, by the person's or the administrator's word. */
export async function isSilent(origin: string): Promise<boolean> {
  return (await read("silent")).includes(origin) || (await isSilentByPolicy(origin));
}

/** Lets an origin's messages of Web eID be answered, or not. */
export async function setSilent(origin: string, silent: boolean): Promise<void> {
  await change("silent", origin, silent);
}

/** The administrator's list; `*` stands for every origin. */
export async function isSilentByPolicy(origin: string): Promise<boolean> {
  try {
    const { webEidSilent } = await chrome.storage.managed.get("webEidSilent");
    return Array.isArray(webEidSilent) && (webEidSilent.includes(origin) || webEidSilent.includes("*"));
  } catch {
    // Firefox says so when there is no policy for this add-on.
    return false;
  }
}

async function read(list: List): Promise<string[]> {
  const held = (await chrome.storage.local.get(list))[list];
  return Array.isArray(held) ? held.filter((it): it is string => typeof it === "string") : [];
}

/** One change after the other, so that none is lost. */
let changes: Promise<void> = Promise.resolve();

async function change(list: List, origin: string, member: boolean): Promise<void> {
  changes = changes.catch(() => {}).then(async () => {
    const before = await read(list);
    const others = before.filter((it) => it !== origin);
    const after = member ? [...others, origin].slice(-MAX_ORIGINS) : others;
    // Who is the latest already, or is not there, need not be written down once more.
    if (after.length === before.length && after.every((it, index) => it === before[index])) return;
    await chrome.storage.local.set({ [list]: after });
  });
  return changes;
}
