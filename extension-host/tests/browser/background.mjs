// The extension's background, and how a browser stops it to save memory, whatever it is doing.
import assert from "node:assert/strict";
import { processesBelow } from "./stage.mjs";

/** The id of the extension in Chromium, from the key in its manifest. */
export const CHROMIUM_ID = "jkimigkodbknlgplganhnoaekpijpohb";
/** And in Firefox, from its manifest. */
export const FIREFOX_ID = "trien@trien.vn";

/** The processes between a browser and the daemon, one a session of a page; the system keeps fifteen letters of their name. */
export const nativeHosts = (browser) => processesBelow(browser.process().pid, "trien-extension");

/** What Firefox must be started with before {@link STOPPER}. */
export const SYSTEM_ACCESS = "--remote-allow-system-access";

/**
 * Gives what stops the background, as often as it is called: one word to the browser, so that what is under way meanwhile is
 * still under way. To be made before the page that is to be in front.
 */
export const STOPPER = {
  chromium: async (browser) => {
    const page = await browser.newPage();
    await page.goto(`chrome-extension://${CHROMIUM_ID}/options.html`);
    const session = await page.createCDPSession();
    await session.send("ServiceWorker.enable");
    return () => session.send("ServiceWorker.stopAllWorkers");
  },
  firefox: async (browser) => {
    const ask = async (method, params) => (await browser.connection.send(method, params)).result;
    const { contexts: [{ context }] } = await ask("browsingContext.getTree", { "moz:scope": "chrome" });
    const expression = `WebExtensionPolicy.getByID("${FIREFOX_ID}").extension.terminateBackground({ ignoreDevToolsAttached: true, disableResetIdleForTest: true })`;
    return async () => {
      const { type, exceptionDetails } = await ask("script.evaluate", { expression, awaitPromise: true, target: { context } });
      assert.equal(type, "success", exceptionDetails?.text);
    };
  },
};
