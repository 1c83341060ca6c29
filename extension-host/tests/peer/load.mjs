// Loads TypeScript sources into Node for tests.
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** The exports of one source file, bundled with what it imports. Each call makes a module of its own. */
export async function load(source) {
  const { outputFiles } = await build({
    stdin: { contents: `export * from "./${source}"; // ${Math.random()}`, resolveDir: root, loader: "ts" },
    bundle: true, format: "esm", target: "es2022", write: false,
  });
  return import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString("base64")}`);
}
