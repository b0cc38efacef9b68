// Pages report an outage of the SFTP server, the uploader, the gateway or the session, until it is
// over.
import { assert, handOf, lab, script, signIn, until } from "./browser.mjs";
import { layer, Registry } from "./registry.mjs";

await script(async (open) => {
  const registry = new Registry(lab.url, lab.user, lab.password);
  await registry.image("team/app", "1.0", [layer("app", 1_000)]);
  const page = await open();
  page.expected.push(/status of 401/);
  await signIn(page, lab.user, lab.password, "/r/team/app");
  const main = page.getByRole("main");
  await main.getByText("1.0").first().waitFor();

  const sftp = main.getByText("The SFTP server is unreachable");
  await lab.ask("stop sshd");
  // A push reveals the outage and is accepted nevertheless.
  await registry.image("team/app", "1.1", [layer("more", 1_000)]);
  await sftp.waitFor({ timeout: 90_000 });
  await main.getByText("Staged").first().waitFor();
  await lab.ask("start sshd");
  // Retries back off.
  await sftp.waitFor({ state: "detached", timeout: 90_000 });

  const uploader = main.getByText("No uploader is running");
  await lab.ask("stop uploader");
  await uploader.waitFor({ timeout: 90_000 });
  await lab.ask("start uploader");
  await uploader.waitFor({ state: "detached" });

  // Gateway down: the page keeps its data.
  page.expected.push(/ERR_/, /status of 50/);
  const offline = main.getByText("No connection to the registry");
  await lab.ask("stop gateway");
  await offline.waitFor();
  assert(await main.getByText("1.0").first().isVisible(), "what was read is gone");
  await lab.ask("start gateway");
  await offline.waitFor({ state: "detached" });

  // Session ended elsewhere: the page keeps its filter.
  await page.getByLabel("Filter tags").fill("1.");
  await until("the filter is in the address", () => page.url().includes("q="));
  const login = await fetch(`${lab.url}/api/auth/login`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ username: lab.user, password: lab.password }),
  });
  const { token } = await login.json();
  const headers = { Authorization: `Bearer ${token}` };
  const { items } = await (await fetch(`${lab.url}/api/sessions?limit=100`, { headers })).json();
  for (const { id } of items.filter(({ kind }) => kind === "browser")) {
    await fetch(`${lab.url}/api/sessions/${id}`, { method: "DELETE", headers });
  }
  await page.getByRole("dialog", { name: "Your session has ended" }).waitFor();
  const hand = handOf(page, "keyboard");
  await hand.fill(page.getByLabel("Password", { exact: true }), lab.password);
  const read = page.waitForResponse(
    (response) => response.url().includes("/api/tags") && response.status() === 200,
  );
  await hand.press(page.getByRole("dialog").getByRole("button", { name: "Sign in" }));
  await page.getByRole("dialog").waitFor({ state: "detached" });
  assert(page.url().includes("q="), "the page is another");
  await read;
  await main.getByText("1.1").first().waitFor();
});
