// Drives Debian's Chromium by mouse or by keyboard alone. Any browser error fails the script.
import { existsSync } from "node:fs";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

const PATHS = [process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/google-chrome"];
const ARGUMENTS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
/** Timeout in milliseconds: generous, since the machine may be busy. */
const PATIENCE = 30_000;

export async function launch() {
  const executablePath = PATHS.find((path) => path && existsSync(path));
  if (!executablePath) throw new Error("no Chromium: deploy/packages test installs it");
  return chromium.launch({ executablePath, args: ARGUMENTS });
}

/** The lab of the test that started this script. */
export const lab = {
  ...JSON.parse(process.env.REFITY_LAB ?? "{}"),
  lines: undefined,
  /** Asks the lab to do something, such as `stop sshd`. */
  async ask(request) {
    this.lines ??= createInterface({ input: process.stdin })[Symbol.asyncIterator]();
    console.log(`lab: ${request}`);
    const { value } = await this.lines.next();
    if (value !== "done") throw new Error(`the lab did not ${request}: ${value}`);
  },
};

/** Opens a browser window and records its errors. */
export async function open(
  browser,
  { width = 1280, height = 800, theme = "light", ...options } = {},
) {
  const context = await browser.newContext({
    viewport: { width, height },
    colorScheme: theme,
    reducedMotion: "reduce",
    ...options,
  });
  context.setDefaultTimeout(PATIENCE);
  const page = await context.newPage();
  const complaints = [];
  /** Patterns of expected errors. */
  const expected = [];
  page.on("console", (message) => {
    if (message.type() !== "error" && message.type() !== "warning") return;
    const words = `${message.text()} (${message.location().url})`;
    if (!expected.some((pattern) => pattern.test(words))) complaints.push(words);
  });
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("request", (request) => {
    const url = new URL(request.url());
    if (/^https?:$/.test(url.protocol) && url.origin !== new URL(lab.url ?? url).origin) {
      complaints.push(`asks another host: ${url}`);
    }
  });
  return Object.assign(page, { complaints, expected });
}

export async function signIn(page, user, password, path = "/") {
  await page.goto(new URL(`/login?next=${encodeURIComponent(path)}`, lab.url).href);
  await page.getByLabel("User name").fill(user);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("navigation").filter({ visible: true }).first().waitFor();
}

/** Fills in and submits the visible sign-in form. */
export async function fillSignIn(page, hand, user, password) {
  await hand.fill(page.getByLabel("User name"), user);
  await hand.fill(page.getByLabel("Password", { exact: true }), password);
  await hand.press(page.getByRole("button", { name: "Sign in" }));
}

/** Changes the initial password. */
export async function chooseOwnPassword(page, hand, first, own) {
  await hand.fill(page.getByLabel("Current password"), first);
  await hand.fill(page.getByLabel("New password", { exact: true }), own);
  await hand.fill(page.getByLabel("Repeat new password"), own);
  await hand.press(page.getByRole("button", { name: "Change password" }));
}

/** Resizes a window if needed; resizing closes menus. */
export async function widen(page, width) {
  if (page.viewportSize().width === width) return;
  await page.setViewportSize({ width, height: 900 });
  // The page reacts within the next frame.
  await page.evaluate(
    () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))),
  );
}

/** Waits until nothing is loading. */
export const settled = (page) =>
  until("nothing is loading", async () => (await page.locator("[aria-busy=true]").count()) === 0);

class Mouse {
  constructor(page) {
    this.page = page;
  }
  press(target) {
    return target.click();
  }
  fill(target, words) {
    return target.fill(words);
  }
  check(target) {
    return target.check();
  }
  /** Opens a menu and selects an item. */
  async menu(target, item) {
    await target.click();
    await this.page.getByRole("menuitem", { name: item }).click();
  }
  async tab(name) {
    await this.page.getByRole("tab", { name }).click();
  }
}

class Keyboard {
  constructor(page) {
    this.page = page;
  }
  /** Moves the focus with Tab only. */
  async to(target) {
    await target.waitFor();
    for (let steps = 0; steps < 300; steps += 1) {
      if (await target.evaluate((element) => element === document.activeElement)) return;
      await this.page.keyboard.press("Tab");
    }
    throw new Error(`Tab does not reach ${target}`);
  }
  async press(target) {
    await this.to(target);
    await this.page.keyboard.press("Enter");
  }
  async fill(target, words) {
    await this.to(target);
    await this.page.keyboard.press("Control+A");
    await this.page.keyboard.type(words);
  }
  async check(target) {
    await this.to(target);
    if (!(await target.isChecked())) await this.page.keyboard.press("Space");
  }
  async menu(target, name) {
    await this.press(target);
    const item = this.page.getByRole("menuitem", { name });
    await item.waitFor();
    for (let steps = 0; steps < 20; steps += 1) {
      if (await item.evaluate((element) => element === document.activeElement)) {
        await this.page.keyboard.press("Enter");
        return;
      }
      await this.page.keyboard.press("ArrowDown");
    }
    throw new Error(`arrows do not reach ${name}`);
  }
  async tab(name) {
    const item = this.page.getByRole("tab", { name });
    const at = this.page.locator("[role=tab][aria-selected=true]").first();
    await this.to(at);
    for (let steps = 0; steps < 12; steps += 1) {
      if (await item.evaluate((element) => element === document.activeElement)) return;
      await this.page.keyboard.press("ArrowRight");
    }
    throw new Error(`arrows do not reach the tab ${name}`);
  }
}

export const handOf = (page, kind) => (kind === "keyboard" ? new Keyboard(page) : new Mouse(page));

/** Runs a script in a browser; takes a screenshot on failure. */
export async function script(steps) {
  const browser = await launch();
  const pages = [];
  const opened = async (options) => {
    const page = await open(browser, options);
    pages.push(page);
    return page;
  };
  try {
    await steps(opened);
    const complaints = pages.flatMap((page) => page.complaints);
    if (complaints.length > 0) throw new Error(`the browser complains:\n${complaints.join("\n")}`);
  } catch (error) {
    for (const [at, page] of pages.entries()) {
      const path = `/tmp/refity-e2e-${process.pid}-${at}.png`;
      await page.screenshot({ path }).catch(() => {});
      console.error(`${page.url()} looked as in ${path}\n${page.complaints.join("\n")}`);
    }
    console.error(error);
    process.exitCode = 1;
  } finally {
    await browser.close();
    process.stdin.destroy();
  }
}

/** Waits for a condition, up to a timeout. */
export async function until(what, holds, limit = PATIENCE) {
  const end = Date.now() + limit;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`not in time: ${what}`);
    await new Promise((done) => setTimeout(done, 50));
  }
}

export function assert(holds, what) {
  if (!holds) throw new Error(what);
}
