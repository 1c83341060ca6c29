// A screen of its own with a window manager, and a person at its keyboard.
import { execFileSync, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";

/** The window's *approve* is dead for 800 ms after a change, in milliseconds; with some room. */
const ARMED = 1500;
const PATIENCE = 30_000;
const WINDOW = ["search", "--onlyvisible", "--class", "trien-prompt"];
/** The red that the theme has for errors, on the test's screen. */
const ERROR_RED = "#b00808";

export class Desk {
  #server;
  #manager;

  static async open() {
    const desk = new Desk();
    const words = ["-displayfd", "1", "-screen", "0", "1280x1024x24", "-nolisten", "tcp", "-noreset"];
    desk.#server = spawn("Xvfb", words, { stdio: ["ignore", "pipe", "ignore"] });
    const [number] = await new Promise((resolve, reject) => {
      createInterface({ input: desk.#server.stdout }).once("line", (line) => resolve([line.trim()]));
      desk.#server.once("error", reject).once("exit", () => reject(new Error("Xvfb ended")));
    });
    desk.display = `:${number}`;
    desk.#manager = spawn("openbox", [], { env: { ...process.env, DISPLAY: desk.display }, stdio: "ignore" });
    await desk.#until("a window manager", () => desk.#xdotool("get_num_desktops"));
    return desk;
  }

  close() {
    this.#manager?.kill();
    this.#server?.kill();
  }

  /** Waits until a consent window has the keyboard: its number. */
  async shown() {
    let shown;
    await this.#until("the window", () => {
      [shown] = this.#windows();
      return shown && this.#xdotool("getactivewindow").trim() === shown;
    });
    return shown;
  }

  /** The same, and until *approve* is alive, unless the machine is busy. */
  async asked() {
    await this.shown();
    await pause(ARMED);
  }

  /** The person agrees by this key: the window goes. */
  async approve(key = "Return") {
    const shown = await this.shown();
    await this.#press(key, "the window's end", () => !this.#windows().includes(shown));
  }

  /** The person hands in what he has typed; waits until the window says in red what is wrong, and *approve* is alive again. */
  async complained() {
    await this.#press("Return", "a complaint", () => this.#redPixels() > 50);
    await pause(ARMED);
  }

  /**
   * On a busy machine a window may have been drawn so late that *approve* is still dead: then the key did nothing, and is
   * pressed again. Once it has done its work it does nothing more.
   */
  async #press(key, what, holds) {
    for (const start = Date.now(); Date.now() - start < PATIENCE; ) {
      this.key(key);
      for (const pressed = Date.now(); Date.now() - pressed < ARMED; await pause(50)) if (holds()) return;
    }
    throw new Error(`no sign of ${what}`);
  }

  /** Waits until no consent window is left. */
  async left() {
    await this.#until("the window's end", () => this.isEmpty());
  }

  /** What the consent windows that are there are called. */
  titles() {
    return this.#windows().map((window) => this.#xdotool("getwindowname", window).trim());
  }

  /** The numbers of the consent windows that are there. */
  #windows() {
    return this.#xdotool(...WINDOW).split("\n").filter((window) => window !== "");
  }

  /** Whether no consent window is there. */
  isEmpty() {
    return this.#windows().length === 0;
  }

  type(text) {
    this.#xdotool("type", "--delay", "15", text);
  }

  key(name) {
    this.#xdotool("key", name);
  }

  #redPixels() {
    const mask = ["-fuzz", "8%", "-fill", "black", "+opaque", ERROR_RED, "-fill", "white", "-opaque", ERROR_RED];
    const env = { ...process.env, DISPLAY: this.display };
    const picture = execFileSync("import", ["-window", "root", "png:-"], { env, maxBuffer: 32 * 1024 * 1024 });
    const count = execFileSync("convert", ["png:-", ...mask, "-format", "%[fx:mean*w*h]", "info:"], { input: picture });
    return Number(count);
  }

  /** What xdotool prints; nothing if it finds nothing. A search that broke off because a window went meanwhile found nothing yet. */
  #xdotool(...words) {
    try {
      const env = { ...process.env, DISPLAY: this.display };
      return execFileSync("xdotool", words, { env, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
    } catch (error) {
      if (error.code === "ENOENT") throw error;
      return words[0] === "search" && /X Error/.test(error.stderr) ? this.#xdotool(...words) : "";
    }
  }

  async #until(what, holds) {
    for (const start = Date.now(); Date.now() - start < PATIENCE; await pause(50)) if (holds()) return;
    throw new Error(`no sign of ${what}`);
  }
}
