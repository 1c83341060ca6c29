// Builds the page's library into sdk/dist and the extension into webextension/dist/{chromium,firefox}.
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { apiDocument } from "./api-docs.mjs";
import { mockTexts } from "./mock-texts.mjs";

process.chdir(fileURLToPath(new URL(".", import.meta.url)));

const common = { bundle: true, charset: "utf8", legalComments: "none", logLevel: "warning" };
const json = (path) => JSON.parse(readFileSync(path, "utf8"));

async function buildSdk() {
  rmSync("sdk/dist", { recursive: true, force: true });
  writeFileSync("sdk/src/mock-texts.ts", mockTexts());
  await build({ ...common, entryPoints: ["sdk/src/index.ts", "sdk/src/mock.ts"], outdir: "sdk/dist", format: "esm", target: "es2022", minifyWhitespace: true, minifySyntax: true });
  execFileSync(process.execPath, [
    "node_modules/typescript/bin/tsc", "-p", "sdk/tsconfig.json", "--emitDeclarationOnly",
  ], { stdio: "inherit" });
  writeFileSync("sdk/dist/API.md", apiDocument());
}

async function buildExtension(browser) {
  const out = `webextension/dist/${browser}`;
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  const entryPoints = ["webextension/src/background.ts", "webextension/src/content.ts", "webextension/src/options.ts"];
  await build({ ...common, entryPoints, outdir: out, format: "iife", target: "es2022" });
  const manifest = { ...json("webextension/manifest.json"), ...json(`webextension/manifest.${browser}.json`) };
  writeFileSync(`${out}/manifest.json`, `${JSON.stringify(manifest, null, 2)}\n`);
  for (const folder of ["_locales", "icons"]) cpSync(`webextension/${folder}`, `${out}/${folder}`, { recursive: true });
  for (const file of readdirSync("webextension/pages")) cpSync(`webextension/pages/${file}`, `${out}/${file}`);
  if (manifest.storage) cpSync("webextension/managed.json", `${out}/managed.json`);
}

await Promise.all([buildSdk(), buildExtension("chromium"), buildExtension("firefox")]);
