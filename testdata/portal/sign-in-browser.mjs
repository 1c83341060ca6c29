#!/usr/bin/env node
// Signs on the portal's page in a real headless browser, once on each road, and prints what happened as JSON.
//
//   node sign-in-browser.mjs --portal URL --binaries DIR [--browser chromium|firefox] [--road extension|websocket]…
//     [--format pades|cades_attached|cades_detached]
//
// TRIEN_HOME in the environment reaches the native host. Exit status 1 if a road did not lead to a valid signature.
import { parseArgs } from "node:util";
import { launch, signOnPage } from "./browsers.mjs";

const text = { type: "string" };
const { values } = parseArgs({ options: {
  portal: text, binaries: text, browser: { ...text, default: "chromium" }, format: { ...text, default: "pades" },
  road: { type: "string", multiple: true, default: ["extension", "websocket"] },
} });
if (!values.portal || !values.binaries) throw new Error("--portal and --binaries are needed");

const { browser, close } = await launch(values.browser, { binaries: values.binaries });
try {
  const results = [];
  for (const road of values.road) {
    results.push({ browser: values.browser, ...(await signOnPage(browser, values.portal, { road, format: values.format })) });
  }
  console.log(JSON.stringify(results, null, 2));
  process.exitCode = results.every(({ state }) => state === "done") ? 0 : 1;
} finally {
  await close();
}
