// Real browsers with the extension loaded and the native host installed in a throw-away profile.
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

const extensionHost = fileURLToPath(new URL("../../extension-host", import.meta.url));
const { default: puppeteer } = createRequire(path.join(extensionHost, "package.json"))("puppeteer-core");

/** Keeps Chromium from looking for hosts of its own on the network. */
const QUIET = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync",
];

/** The same for Firefox. */
const QUIET_FIREFOX = {
  "app.normandy.enabled": false,
  "app.update.enabled": false,
  "browser.safebrowsing.downloads.enabled": false,
  "browser.safebrowsing.malware.enabled": false,
  "browser.safebrowsing.phishing.enabled": false,
  "extensions.getAddons.cache.enabled": false,
  "extensions.update.enabled": false,
  "network.captive-portal-service.enabled": false,
  "network.connectivity-service.enabled": false,
  "services.settings.server": "data:,",
};

/**
 * Starts a browser. `binaries` is the folder with trien-extension-host; `extension` and `host` say whether the
 * extension is loaded, or from which folder if not the one that the build made, and its host installed; with more words, for
 * all of the user's profiles. Returns the browser and a function that ends it and its profile.
 */
export async function launch(name, { binaries, extension = true, host = true, env = {}, args = [], preferences = {} }) {
  const folder = mkdtempSync(path.join(tmpdir(), `trien-${name}-`));
  const start = { chromium: startChromium, firefox: startFirefox }[name];
  const environment = { ...process.env, ...env };
  const unpacked = extension === true ? path.join(extensionHost, "webextension/dist", name) : extension;
  const install = (words, home) => host && execFileSync(path.join(binaries, "trien-extension-host"), [
    "install", "--browser", name, ...words, ...(host === true ? [] : host),
  ], { env: { ...environment, ...homeIn(home) }, stdio: ["ignore", "ignore", "inherit"] });
  try {
    const browser = await start({ folder, environment, unpacked, install, everywhere: Array.isArray(host), args, preferences });
    const close = async () => {
      await browser.close();
      await remove(folder);
    };
    return { browser, close };
  } catch (error) {
    await remove(folder);
    throw error;
  }
}

/** Removes a folder into which a browser that has ended may still write: Node tries only the folder again, not what is new in it. */
export async function remove(folder) {
  for (let left = 50; ; left -= 1) {
    try {
      return rmSync(folder, { recursive: true, force: true });
    } catch (error) {
      if (left === 0) throw error;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
}

const homeIn = (folder) => ({ HOME: folder, XDG_CONFIG_HOME: path.join(folder, ".config") });

function startChromium({ folder, environment, unpacked, install, everywhere, args }) {
  install(everywhere ? ["--user"] : ["--user-data-dir", folder], folder);
  return puppeteer.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    headless: true,
    acceptInsecureCerts: true,
    enableExtensions: true,
    // Chromium looks for the user's hosts beside the profiles, which are by themselves there.
    userDataDir: everywhere ? path.join(folder, ".config/chromium") : folder,
    env: everywhere ? { ...environment, ...homeIn(folder) } : environment,
    args: [...QUIET, ...(unpacked ? [`--load-extension=${unpacked}`] : []), ...args],
  });
}

async function startFirefox({ folder, environment, unpacked, install, args, preferences }) {
  // Firefox looks for hosts in the user's home, whatever the profile is.
  const home = path.join(folder, "home");
  mkdirSync(home);
  install(["--user"], home);
  const browser = await puppeteer.launch({
    browser: "firefox",
    executablePath: process.env.FIREFOX ?? "/usr/bin/firefox-esr",
    headless: true,
    acceptInsecureCerts: true,
    userDataDir: path.join(folder, "profile"),
    env: { ...environment, ...homeIn(home) },
    extraPrefsFirefox: { ...QUIET_FIREFOX, ...preferences },
    args,
  });
  if (unpacked) await browser.installExtension(unpacked);
  return browser;
}

/**
 * Opens the portal with this road and signs: by itself, or with a real click on its button. Returns what the page shows: state, road, error code, files, words.
 */
export async function signOnPage(browser, portal, { road, format = "pades", timeout = 60_000, click = false }) {
  const page = await browser.newPage();
  try {
    const query = new URLSearchParams({ road, format, ...(click ? {} : { autosign: "1" }) });
    await page.goto(`${portal}?${query}`);
    if (click) {
      await page.waitForSelector("html[data-ready]");
      await page.click("#sign");
    }
    const end = await page.waitForSelector('#result[data-state="done"], #result[data-state="failed"]', { timeout });
    const shown = await end.evaluate((node) => ({ ...node.dataset, words: node.innerText }));
    return { ...shown, files: JSON.parse(shown.files ?? "[]") };
  } finally {
    await page.close();
  }
}
