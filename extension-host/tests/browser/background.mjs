// The extension's background, and how a browser stops it to save memory, whatever it is doing.
import assert from "node:assert/strict";

/** The id of the extension in Chromium, from the key in its manifest. */
export const CHROMIUM_ID = "jkimigkodbknlgplganhnoaekpijpohb";
/** And in Firefox, from its manifest. */
export const FIREFOX_ID = "trien@trien.vn";

/** What Firefox must be started with before {@link STOP}. */
export const SYSTEM_ACCESS = "--remote-allow-system-access";

export const STOP = {
  chromium: async (browser) => {
    const page = await browser.newPage();
    await page.goto(`chrome-extension://${CHROMIUM_ID}/options.html`);
    const session = await page.createCDPSession();
    await session.send("ServiceWorker.enable");
    await session.send("ServiceWorker.stopAllWorkers");
    await page.close();
  },
  firefox: async (browser) => {
    const ask = async (method, params) => (await browser.connection.send(method, params)).result;
    const { contexts: [{ context }] } = await ask("browsingContext.getTree", { "moz:scope": "chrome" });
    const expression = `WebExtensionPolicy.getByID("${FIREFOX_ID}").extension.terminateBackground({ ignoreDevToolsAttached: true, disableResetIdleForTest: true })`;
    const { type, exceptionDetails } = await ask("script.evaluate", { expression, awaitPromise: true, target: { context } });
    assert.equal(type, "success", exceptionDetails?.text);
  },
};
