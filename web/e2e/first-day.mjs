// From the first sign-in with the default password to a live push, a deletion and garbage
// collection. By mouse or by keyboard.

import { chooseOwnPassword, fillSignIn, handOf, lab, script, until } from "./browser.mjs";
import { docker, host, login, makeImage, push } from "./docker.mjs";
import { look } from "./look.mjs";

const PASSWORD = "a-better-one-1";
const MB = 1_000_000;
/** Large enough to observe the transfer on a busy machine. */
const BYTES = 36 * MB;
const SIZE = /36(\.\d)? MB/;

/** Removes docker's copy first, or it would request no blob. */
async function pullAnew(image) {
  await docker("image", "rm", "--force", image);
  await docker("pull", "--quiet", image);
}

await script(async (open) => {
  const page = await open();
  const hand = handOf(page, process.argv[2]);
  const main = page.getByRole("main");
  const button = (name, within = page) => within.getByRole("button", { name });

  // Not signed in: the browser logs the API's 401.
  page.expected.push(/status of 401/);
  await page.goto(lab.url);
  await fillSignIn(page, hand, "admin", "wrong");
  await page.getByText("Wrong user name or password").waitFor();
  await hand.fill(page.getByLabel("Password", { exact: true }), "admin");
  await hand.press(button("Sign in"));

  // The password must be changed first.
  await page.getByRole("heading", { name: "Choose a password" }).waitFor();
  await look(page, "the first password");
  await chooseOwnPassword(page, hand, "admin", PASSWORD);
  page.expected.pop();

  // The overview of an empty registry creates the first group.
  await page.getByRole("heading", { name: "Overview" }).waitFor();
  await hand.fill(page.getByLabel("Group"), "team");
  await hand.press(button("Create group"));
  await main.getByText("Created team").waitFor();
  await page.getByText(`docker login ${host()}`).first().waitFor();

  await look(page, "the first steps");
  await login("admin", PASSWORD);
  const first = `${host()}/team/app:1.0`;
  const second = `${host()}/team/app:1.1`;
  await makeImage(first, 2 * MB, "ENV MODE=one", 'ENTRYPOINT ["/bytes"]');
  await makeImage(second, BYTES, "ENV MODE=two", 'ENTRYPOINT ["/bytes", "--fast"]');
  await push(first);
  await main.getByText("team/app:1.0").first().waitFor();

  // Watch a push: bytes, speed and end.
  await hand.press(
    page
      .getByRole("navigation", { name: "Main", exact: true })
      .getByRole("link", { name: "Transfers" }),
  );
  await page.getByRole("heading", { name: "Transfers", level: 1 }).waitFor();
  const pushed = push(second);
  const row = main.getByRole("listitem").filter({ hasText: "team/app:1.1" });
  await row.waitFor();
  await until("bytes are shown on their way", async () => {
    const words = (await row.innerText().catch(() => "")) ?? "";
    return /[1-9][\d.,]* of [\d.,]+ MB/.test(words) && /[kM]B\/s/.test(words);
  });
  await pushed;
  // The connection to the storage is slow.
  await row.getByText("On SFTP").waitFor({ timeout: 120_000 });

  // The image.
  await page.goto(`${lab.url}/r/team/app`);
  await hand.press(main.getByRole("link", { name: "1.1", exact: true }));
  await page.getByRole("heading", { name: /team\/app:1\.1/ }).waitFor();
  await main.getByText(`docker pull ${second}`).waitFor();
  await hand.tab("Layers");
  await main.getByText(SIZE).first().waitFor();
  await hand.tab("Config");
  await main.getByText("MODE=two").first().waitFor();

  // Compare two tags.
  await page.goto(`${lab.url}/r/team/app`);
  await hand.check(main.getByRole("checkbox", { name: "Select 1.0" }));
  await hand.check(main.getByRole("checkbox", { name: "Select 1.1" }));
  await hand.press(
    page.getByRole("button", { name: "Compare" }).or(page.getByRole("link", { name: "Compare" })),
  );
  await page.waitForURL(/-\/diff/);
  await main.getByText("MODE").first().waitFor();
  await main.getByText("--fast").first().waitFor();

  // Preview a deletion, cancel it, then delete.
  await page.goto(`${lab.url}/r/team/app`);
  await hand.check(main.getByRole("checkbox", { name: "Select 1.1" }));
  await hand.press(page.getByRole("button", { name: "Delete…" }));
  const dialog = page.getByRole("alertdialog");
  await dialog.getByText(SIZE).first().waitFor();
  const cancel = button("Cancel", dialog);
  await until("the focus is on Cancel", () =>
    cancel.evaluate((it) => it === document.activeElement),
  );
  await hand.press(cancel);
  await dialog.waitFor({ state: "detached" });
  await main.getByRole("link", { name: "1.1", exact: true }).waitFor();
  await hand.press(page.getByRole("button", { name: "Delete…" }));
  await hand.press(button("Delete 1 tag", dialog));
  await main.getByRole("link", { name: "1.1", exact: true }).waitFor({ state: "detached" });
  await pullAnew(first);

  // A day later: sign in again and return to the page. Preview garbage, then collect it.
  await lab.ask("let a day pass");
  page.expected.push(/status of 401/);
  await page.goto(`${lab.url}/storage`);
  await fillSignIn(page, hand, "admin", PASSWORD);
  await hand.press(button("Preview"));
  await main.getByText(SIZE).first().waitFor();
  await hand.press(button(/^Collect 36(\.\d)? MB/, main));
  await hand.press(button(/^Collect/, page.getByRole("alertdialog")));
  await page.getByText(/^Collected .* Frees 36(\.\d)? MB/).waitFor();
  await pullAnew(first);
});
