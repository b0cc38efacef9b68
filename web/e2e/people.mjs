// An administrator creates a user and grants access. The user sees only that, and pushes with a
// token until it is revoked.

import { Api } from "./api.mjs";
import { assert, chooseOwnPassword, fillSignIn, handOf, lab, script } from "./browser.mjs";
import { host, login, makeImage, push } from "./docker.mjs";
import { layer, Registry } from "./registry.mjs";

const FIRST = "for-the-first-day";
const OWN = "one-of-my-own-1";

await script(async (open) => {
  const api = new Api(lab.url, lab.user, lab.password);
  await api.send("POST", "/groups", { name: "secret" });
  const registry = new Registry(lab.url, lab.user, lab.password);
  await registry.image("secret/plans", "1.0", [layer("plans", 1_000)]);
  await registry.image("team/app", "1.0", [layer("app", 1_000)]);

  // The administrator.
  const admin = await open();
  admin.expected.push(/status of 401/);
  let hand = handOf(admin, process.argv[2]);
  await admin.goto(lab.url);
  await fillSignIn(admin, hand, lab.user, lab.password);
  await admin.getByRole("heading", { name: "Overview" }).waitFor();
  await hand.press(
    admin
      .getByRole("navigation", { name: "Main", exact: true })
      .getByRole("link", { name: "Users and robots" }),
  );
  await hand.press(admin.getByRole("button", { name: "New user" }));
  let dialog = admin.getByRole("dialog", { name: "New user" });
  await hand.fill(dialog.getByLabel("User name"), "heron");
  await hand.fill(dialog.getByLabel(/password/i).first(), FIRST);
  await hand.press(dialog.getByRole("button", { name: "Create" }));
  await dialog.waitFor({ state: "detached" });
  await admin.getByRole("main").getByText("heron").first().waitFor();
  await hand.tab("Rights");
  await hand.press(admin.getByRole("button", { name: "Grant access" }));
  dialog = admin.getByRole("dialog", { name: "Grant access" });
  await hand.fill(dialog.getByLabel("User", { exact: true }), "heron");
  await hand.fill(dialog.getByLabel("Group", { exact: true }), "team");
  await hand.check(dialog.getByLabel("pull", { exact: true }));
  await hand.check(dialog.getByLabel("push", { exact: true }));
  await hand.press(dialog.getByRole("button", { name: "Save" }));
  await dialog.waitFor({ state: "detached" });

  // The user heron.
  const page = await open();
  hand = handOf(page, process.argv[2]);
  page.expected.push(/status of 401/);
  await page.goto(lab.url);
  await fillSignIn(page, hand, "heron", FIRST);
  await chooseOwnPassword(page, hand, FIRST, OWN);
  await page.getByRole("heading", { name: "Overview" }).waitFor();
  await page.getByRole("main").getByText("team/app:1.0").first().waitFor();
  const words = await page.locator("body").innerText();
  assert(!/secret|plans/.test(words), "the overview tells of what one may not read");
  assert(!/Users and robots|Audit log/.test(words), "there are ways to pages that would refuse");
  await page.goto(`${lab.url}/groups`);
  await page.getByRole("main").getByRole("link", { name: "team" }).waitFor();
  assert(
    !/secret/.test(await page.locator("body").innerText()),
    "a group is shown that one may not read",
  );
  page.expected.push(/status of 404/);
  await page.goto(`${lab.url}/r/secret/plans`);
  await page
    .getByRole("main")
    .getByText(/not found/)
    .first()
    .waitFor();

  // A token is shown once and can push until it is revoked.
  await page.goto(`${lab.url}/settings`);
  await hand.press(page.getByRole("button", { name: "New token" }));
  dialog = page.getByRole("dialog", { name: "New token" });
  await hand.fill(dialog.getByLabel("Name"), "laptop");
  await hand.press(dialog.getByRole("button", { name: "Create" }));
  const shown = page.getByText(/rfp_[\w-]+/).first();
  await shown.waitFor();
  const token = (await shown.innerText()).match(/rfp_[\w-]+/)[0];
  await login("heron", token);
  const name = `${host()}/team/mine:1`;
  await makeImage(name, 50_000);
  await push(name);
  await page.goto(`${lab.url}/settings`);
  await page.getByRole("main").getByText("laptop").first().waitFor();
  assert(!(await page.locator("body").innerText()).includes(token), "a token is shown twice");
  await hand.press(page.getByRole("button", { name: /^Revoke/ }).first());
  const confirm = page.getByRole("alertdialog").getByRole("button", { name: /^Revoke/ });
  await hand.press(confirm);
  await page.getByRole("alertdialog").waitFor({ state: "detached" });
  const again = `${host()}/team/mine:2`;
  await makeImage(again, 50_000);
  const refused = await push(again).then(
    () => false,
    (error) => /unauthorized|denied/i.test(String(error)),
  );
  assert(refused, "a revoked token still pushes");

  // A disabled account is signed out immediately and can sign in again once enabled.
  hand = handOf(admin, process.argv[2]);
  await hand.tab("Users");
  await hand.menu(admin.getByRole("button", { name: "More actions for heron" }), "Disable");
  await hand.press(admin.getByRole("alertdialog").getByRole("button", { name: "Disable" }));
  const row = admin.getByRole("row").filter({ hasText: "heron" });
  await row.getByText("Disabled").waitFor();
  page.expected.push(/status of 40[13]/);
  await page.reload();
  await page.getByLabel("User name").waitFor();
  await hand.menu(admin.getByRole("button", { name: "More actions for heron" }), "Enable");
  await row.getByText("Active").waitFor();
  hand = handOf(page, process.argv[2]);
  await hand.fill(page.getByLabel("User name"), "heron");
  await hand.fill(page.getByLabel("Password", { exact: true }), OWN);
  await hand.press(page.getByRole("button", { name: "Sign in" }));
  await page.getByRole("heading", { name: "Settings" }).waitFor();
});
