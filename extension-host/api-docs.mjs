// The API document of the page's library, from the declarations that the compiler made of it: every exported name with
// what its source says about it. The build writes it to sdk/dist/API.md.
import { readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

const dist = fileURLToPath(new URL("sdk/dist/", import.meta.url));

/** The names that a module exports, each with the file that declares it. */
function exportsOf(file) {
  const text = readFileSync(path.join(dist, file), "utf8");
  const passedOn = [...text.matchAll(/export (?:type )?\{([^}]*)\} from "\.\/([\w-]+)\.(?:ts|js)"/g)].flatMap(([, names, from]) =>
    names.split(",").map((name) => name.trim()).filter(Boolean).map((name) => ({ name, file: `${from}.d.ts` })));
  const own = [...text.matchAll(/^export (?:declare )?(?:class|interface|type|function|const) (\w+)/gm)].map(([, name]) => ({ name, file }));
  return [...passedOn, ...own];
}

/** The declaration of a name and the comment in front of it. */
function declarationOf({ name, file }) {
  const text = readFileSync(path.join(dist, file), "utf8");
  const found = new RegExp(`^export (?:declare )?(?:class|interface|type|function|const) ${name}\\b`, "m").exec(text);
  if (!found) throw new Error(`${file} does not declare ${name}`);
  const before = /\/\*\*(?:(?!\*\/)[^])*\*\/\s*$/.exec(text.slice(0, found.index))?.[0] ?? "";
  return { comment: wordsOf(before), code: tidy(text.slice(found.index, endOf(text, found.index))) };
}

/** A declaration ends with the line on which its last bracket closes, or with its semicolon. */
function endOf(text, start) {
  let depth = 0;
  for (let at = start; at < text.length; at += 1) {
    if ("{([".includes(text[at])) depth += 1;
    if ("})]".includes(text[at])) depth -= 1;
    const closed = text[at] === "}" && /^export (?:declare )?(?:class|interface)/.test(text.slice(start, start + 30));
    if (depth === 0 && (text[at] === ";" || closed)) return at + 1;
  }
  return text.length;
}

/** Without what is private. */
function tidy(code) {
  return code
    .replace(/^ *(?:private .*|#private;)\n/gm, "")
    .replace(/^export (?:declare )?/, "")
    .replace(/[ \t]+$/gm, "");
}

function wordsOf(comment) {
  return comment.replace(/^\/\*\*|\*\/\s*$/g, "").replace(/^[ \t]*\* ?/gm, "").trim().replace(/\{@link ([\w.]+)\}/g, "`$1`");
}

function chapter(title, file) {
  const head = /^\/\*\*([^]*?)\*\//.exec(readFileSync(path.join(dist, file), "utf8"))?.[0] ?? "";
  const names = exportsOf(file).map((it) => {
    const { comment, code } = declarationOf(it);
    return `### ${it.name}\n\n${comment ? `${comment}\n\n` : ""}\`\`\`ts\n${code}\n\`\`\`\n`;
  });
  return `## ${title}\n\n${head ? `${wordsOf(head)}\n\n` : ""}${names.join("\n")}`;
}

/** The whole document. */
export function apiDocument() {
  const { version } = JSON.parse(readFileSync(path.join(dist, "../package.json"), "utf8"));
  const head = `# The API of @trien/sdk\n\nGenerated from the sources of version ${version}. Do not edit.\n`;
  return [head, chapter("@trien/sdk", "index.d.ts"), chapter("@trien/sdk/mock", "mock.d.ts")].join("\n");
}
