// Debian's Chromium, and a person before it: one who uses a mouse, or one who
// has a keyboard alone. Whatever the browser complains about fails the script.
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
/** How long anything may take: generous, since the machine may be busy. */
const PATIENCE = 30_000;

export async function launch() {
  const executablePath = PATHS.find((path) => path && existsSync(path));
  if (!executablePath) throw new Error("no Chromium: deploy/packages test installs it");
  return chromium.launch({ executablePath, args: ARGUMENTS });
}

/** What the test that started this script told it, and does for it. */
export const lab = {
  ...JSON.parse(process.env.REFITY_LAB ?? "{}"),
  lines: undefined,
  /** Has the lab do something, such as `stop sshd`. */
  async ask(wish) {
    this.lines ??= createInterface({ input: process.stdin })[Symbol.asyncIterator]();
    console.log(`lab: ${wish}`);
    const { value } = await this.lines.next();
    if (value !== "done") throw new Error(`the lab did not ${wish}: ${value}`);
  },
};

/** A window of its own, with what went wrong in it. */
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
  /** Requests that fail on purpose are logged by the browser too. */
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

/** As a person does it: fills the form that is there, and sends it. */
export async function fillSignIn(page, hand, user, password) {
  await hand.fill(page.getByLabel("User name"), user);
  await hand.fill(page.getByLabel("Password", { exact: true }), password);
  await hand.press(page.getByRole("button", { name: "Sign in" }));
}

/** The change that a first password forces. */
export async function chooseOwnPassword(page, hand, first, own) {
  await hand.fill(page.getByLabel("Current password"), first);
  await hand.fill(page.getByLabel("New password", { exact: true }), own);
  await hand.fill(page.getByLabel("Repeat new password"), own);
  await hand.press(page.getByRole("button", { name: "Change password" }));
}

/** Makes a window so wide; what is so wide is left alone, since menus close when it changes. */
export async function widen(page, width) {
  if (page.viewportSize().width === width) return;
  await page.setViewportSize({ width, height: 900 });
  // A page is told of it with the next frame, and answers in it.
  await page.evaluate(
    () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))),
  );
}

/** Waits until a page has all that it asked for. */
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
  /** Opens a menu, and presses one of its items. */
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
  /** Goes there by Tab, as far as it takes, and no other way. */
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
  async menu(target, item) {
    await this.press(target);
    const wanted = this.page.getByRole("menuitem", { name: item });
    await wanted.waitFor();
    for (let steps = 0; steps < 20; steps += 1) {
      if (await wanted.evaluate((element) => element === document.activeElement)) {
        await this.page.keyboard.press("Enter");
        return;
      }
      await this.page.keyboard.press("ArrowDown");
    }
    throw new Error(`arrows do not reach ${item}`);
  }
  async tab(name) {
    const wanted = this.page.getByRole("tab", { name });
    const at = this.page.locator("[role=tab][aria-selected=true]").first();
    await this.to(at);
    for (let steps = 0; steps < 12; steps += 1) {
      if (await wanted.evaluate((element) => element === document.activeElement)) return;
      await this.page.keyboard.press("ArrowRight");
    }
    throw new Error(`arrows do not reach the tab ${name}`);
  }
}

export const handOf = (page, kind) => (kind === "keyboard" ? new Keyboard(page) : new Mouse(page));

/** Runs a script's steps in a browser, and fails with a picture. */
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

/** Fails unless it holds within a time. */
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
