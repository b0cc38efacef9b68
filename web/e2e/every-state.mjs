// Checks empty, loading, denied and failed states of pages like every-page.mjs, or takes
// screenshots: every-state.mjs [FOLDER]
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { Api } from "./api.mjs";
import {
  assert,
  chooseOwnPassword,
  fillSignIn,
  handOf,
  lab,
  script,
  settled,
  until,
  widen,
} from "./browser.mjs";
import { flaws } from "./look.mjs";
import { layer, Registry } from "./registry.mjs";
import { seed } from "./seed.mjs";

const [folder] = process.argv.slice(2);
const WIDTHS = [1440, 768, 390];
/** Layout is the same in both themes, and colours are the same at all widths. */
const SIZES = { light: WIDTHS, dark: folder ? WIDTHS : WIDTHS.slice(0, 1) };
const LONG = 120_000;
/** The storage denies writes to the first and fails writes to the second. */
const DENIED = "infra/otel-collector";
const SHAKY = "infra/shaky";

await script(async (open) => {
  if (folder) mkdirSync(folder, { recursive: true });
  const wrong = [];
  const page = await open({ height: 900 });
  const hand = handOf(page);
  const main = page.getByRole("main");
  const button = (name, within = page) => within.getByRole("button", { name }).first();
  const go = (path) => page.goto(lab.url + path);
  const registry = new Registry(lab.url, lab.user, lab.password);
  const api = new Api(lab.url, lab.user, lab.password);
  const push = (name) => registry.image(...name.split(":"), [layer(name, 900_000)]);

  async function look(name, theme, width) {
    await page.waitForTimeout(folder ? 400 : 0);
    if (folder) {
      const path = join(folder, `state-${name}-${width}-${theme}.png`);
      await page.screenshot({ path, fullPage: true });
      return;
    }
    for (const words of await flaws(page)) wrong.push(`${name}, ${width} px, ${theme}: ${words}`);
  }

  /** Waits for a text and checks the page while the text is visible. */
  async function show(name, words) {
    const where = typeof words === "string" ? page.getByText(words) : words;
    const shown = where.filter({ visible: true }).first();
    await shown.waitFor({ timeout: LONG });
    if (name !== "loading") await settled(page);
    for (const [theme, widths] of Object.entries(SIZES)) {
      await page.emulateMedia({ colorScheme: theme });
      for (const width of widths) {
        await widen(page, width);
        let tries = 0;
        do {
          assert(tries < 3, `${name} is over before it is looked at`);
          tries += 1;
          await shown.waitFor();
          await look(name, theme, width);
          // A refetch may hide the text briefly.
        } while (!(await shown.isVisible()));
      }
    }
    await page.emulateMedia({ colorScheme: "light" });
    await widen(page, WIDTHS[0]);
    console.log(name);
  }

  const focused = (what, target) =>
    until(what, () => target.evaluate((it) => it === document.activeElement), LONG);

  // The first day.
  page.expected.push(/status of 401/);
  await go("/");
  await fillSignIn(page, hand, lab.user, "wrong");
  await show("sign-in-refused", "Wrong user name or password");
  await fillSignIn(page, hand, lab.user, "admin");
  await show("first-password", page.getByRole("heading", { name: "Choose a password" }));
  await chooseOwnPassword(page, hand, "admin", lab.password);
  await page.getByRole("heading", { name: "Overview" }).waitFor();
  page.expected.pop();
  await show("first-steps", page.getByLabel("Group"));
  await hand.press(button("Create group"));
  await show("first-steps-group", "Created team");
  await page.getByText("GitHub Actions").click();
  await show("first-steps-actions", main.getByText("docker/login-action"));
  await page.getByText("podman", { exact: true }).click();
  await show("first-steps-podman", main.getByText("podman push"));
  await go("/g/team");
  await show("group-empty", "No repositories yet");
  await go("/transfers");
  await show("transfers-none", "Everything is on SFTP");
  await api.send("POST", "/repos", { name: "team/empty" });
  await go("/r/team/empty");
  await show("repository-empty", "No tags yet");
  await go("/users?tab=robots");
  await show("robots-none", "No robots in team yet");
  await go("/groups?q=zebra");
  await show("groups-no-match", "zebra");

  // Secrets shown once, and confirmations.
  await seed(lab.url, lab.user, lab.password);
  await lab.ask("wait until stored");
  await go("/settings");
  await hand.press(button("New token"));
  const dialog = page.getByRole("dialog");
  await hand.fill(dialog.getByLabel("Name"), "build server");
  await hand.press(button("Create", dialog));
  await show("token-shown", page.getByText(/rfp_[\w-]+/));
  await go("/settings");
  await hand.press(button("Revoke build server"));
  await show("token-revoked", page.getByRole("alertdialog"));
  await go("/users");
  await hand.menu(button("More actions for otter"), "Disable");
  await show("user-disabled", page.getByRole("alertdialog"));
  await go("/r/team/tools/lint");
  await hand.menu(button("More"), /Delete/);
  await show("repository-deletion", page.getByRole("alertdialog").getByText("Frees"));
  await go("/r/team/tools/lint");
  await hand.check(page.getByRole("checkbox", { name: "Select 3.2.1" }));
  await show("tags-selected", page.getByText("1 tag selected"));
  await hand.press(button("Delete…"));
  await page.getByRole("alertdialog").getByText("Frees").first().waitFor();
  await hand.press(button("Delete 1 tag", page.getByRole("alertdialog")));
  // A toast stays while hovered.
  await page.getByText(/Deleted 1 tag/).hover();
  await show("toast", page.getByText(/Deleted 1 tag/));
  await lab.ask("remember three months");
  await go("/storage");
  await show("storage-grown", main.getByRole("img", { name: /GB|TB/ }));
  await hand.press(button("Show as table"));
  await show("storage-table", main.getByRole("table", { name: "Growth" }));

  // Loading states and errors.
  const refuse = (route) =>
    route.fulfill({
      status: 500,
      json: {
        error: { code: "internal", message: "The database is busy.", request_id: "7f3e19c2" },
      },
    });
  page.expected.push(/status of 500/);
  const lists = (url) => url.pathname === "/api/tags";
  await page.route(lists, () => {});
  await go("/r/team/api");
  await page.getByLabel("Filter tags").waitFor();
  await show("loading", page.locator("[aria-busy=true]"));
  await page.unroute(lists);
  await page.route(lists, refuse);
  await go("/r/team/api");
  await show("not-loaded", "The database is busy.");
  await page.unroute(lists);
  await hand.press(button("Retry"));
  await main.getByText("1.17.0").waitFor();
  await page.route(lists, refuse);
  // An event refetches the list.
  await push("team/api:2.0.0");
  await show("not-loaded-again", "Could not refresh this.");
  await page.unroute(lists);
  await hand.press(button("Retry"));
  await page.getByText("Could not refresh this.").waitFor({ state: "detached" });
  page.expected.pop();

  // Failed and retried transfers.
  await push(`${DENIED}:0.139.0`);
  await go("/transfers");
  const row = (name) => main.getByRole("listitem").filter({ hasText: name }).first();
  await row(DENIED).getByText("Failed").first().waitFor({ timeout: LONG });
  await push(`${SHAKY}:1.0`);
  await row(SHAKY)
    .getByText(/Retrying/)
    .first()
    .waitFor({ timeout: LONG });
  await lab.ask("stop storage");
  await push("team/web:1.3.0");
  await row("team/web:1.3.0").waitFor();
  // Failed pushes are expanded by default.
  await row(SHAKY).locator("summary").click();
  await settled(page);
  await show("transfers-troubled", row(SHAKY).getByRole("button", { name: "Retry now" }));
  await go("/");
  await show("overview-troubled", `${DENIED}:0.139.0 cannot be stored`);
  await go(`/r/${DENIED}/-/t/0.139.0`);
  await show("image-failed", main.getByText("Failed"));
  await go("/r/team/web");
  await show("tags-staged", main.getByText("Staged"));
  await go("/storage");
  await hand.press(button("Check now"));
  await show("storage-away", "A check failed");
  await lab.ask("start storage");

  // Outages.
  await go("/groups");
  await lab.ask("stop uploader");
  await show("no-uploader", "No uploader is running");
  await lab.ask("start uploader");
  await page.getByText("No uploader is running").waitFor({ state: "detached", timeout: LONG });
  page.expected.push(/ERR_/, /status of 50/);
  await lab.ask("stop gateway");
  await show("offline", "No connection to the registry");
  await lab.ask("start gateway");
  await page.getByText("No connection to the registry").waitFor({ state: "detached" });
  await page.reload();
  await settled(page);
  page.expected.splice(0);

  // The session.
  const me = (url) => url.pathname === "/api/auth/me";
  await page.route(me, async (route) => {
    const response = await route.fetch();
    const soon = new Date(Date.now() + 100_000).toISOString();
    await route.fulfill({ response, json: { ...(await response.json()), expires_at: soon } });
  });
  await go("/groups");
  await focused("Stay signed in has the focus", button("Stay signed in"));
  await show("session-ends", page.getByRole("dialog", { name: "Still there?" }));
  await page.unroute(me);
  await go("/groups");
  await main.getByText("infra").first().waitFor();
  page.expected.push(/status of 401/);
  for (const { id } of (await api.send("GET", "/sessions?limit=100")).items) {
    await api.send("DELETE", `/sessions/${id}`);
  }
  await focused("the password has the focus", page.getByLabel("Password", { exact: true }));
  await show("session-ended", page.getByRole("dialog", { name: "Your session has ended" }));

  assert(wrong.length === 0, wrong.join("\n"));
});
