// Writes sdk/src/mock-texts.ts: the daemon's texts of its errors, so that a portal's tests show what its users would read.
// build.mjs has it done; `node mock-texts.mjs` does nothing else. A test holds it and daemon/messages/*/errors.ftl together.
import { readFileSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const here = (path) => new URL(path, import.meta.url);

/** The messages of a Fluent file in which each has one line. */
function messages(language) {
  const lines = readFileSync(here(`../daemon/messages/${language}/errors.ftl`), "utf8").split("\n");
  return new Map(lines.map((line) => /^([a-z][a-z-]*) = (.*)$/.exec(line)).filter(Boolean).map(([, key, text]) => [key, text]));
}

/** The source text of the module. */
export function mockTexts() {
  const [vi, en] = ["vi", "en"].map(messages);
  const { $defs } = JSON.parse(readFileSync(here("../daemon/protocol/schema/trien.v1.json"), "utf8"));
  const codes = ($defs.ErrorCode.oneOf ?? []).map((one) => one.const).concat($defs.ErrorCode.enum ?? []);
  const entries = codes.map((code) => {
    const key = `error-${code.replaceAll("_", "-")}`;
    const texts = [vi, en].flatMap((of) => [of.get(key), of.get(`${key}-remedy`)]);
    if (texts.includes(undefined)) throw new Error(`no text of ${code}`);
    return `  ${code}: ${JSON.stringify(texts)},\n`;
  });
  return `// Made by mock-texts.mjs out of the daemon's message files; not to be edited.

import type { ErrorCode } from "./protocol.ts";

/** Of each error what happened and what to do, in Vietnamese, and the same in English. */
export const TEXTS: Record<ErrorCode, readonly [string, string, string, string]> = {
${entries.join("")}};
`;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) writeFileSync(here("sdk/src/mock-texts.ts"), mockTexts());
