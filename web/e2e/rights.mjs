// Checks a table of accounts and actions: pages offer an action exactly if the API allows it.
import { readFileSync } from "node:fs";
import { Api } from "./api.mjs";
import { assert, lab, script, settled, signIn } from "./browser.mjs";
import { layer, Registry } from "./registry.mjs";

const { accounts, actions } = JSON.parse(
  readFileSync(new URL("rights.json", import.meta.url), "utf8"),
);
const PASSWORD = "a-password-of-theirs";

/** Whether the API allows the action. */
async function allowed(account, [method, path, body]) {
  const basic = Buffer.from(`${account}:${PASSWORD}`).toString("base64");
  const response = await fetch(`${lab.url}/api${path}`, {
    method,
    headers: { Authorization: `Basic ${basic}`, "Content-Type": "application/json" },
    body: body && JSON.stringify(body),
  });
  const words = await response.text();
  assert(
    response.status !== 401 && response.status < 500,
    `${method} ${path}: ${response.status} ${words}`,
  );
  return response.status !== 403 && response.status !== 404;
}

/** Whether the page offers the action; waits if it should. */
async function offered(page, { page: path, ready, open: opened, shows }, expected) {
  await page.goto(lab.url + path);
  await page.getByText(new RegExp(ready)).filter({ visible: true }).first().waitFor();
  await settled(page);
  const find = ({ role, name }) => page.getByRole(role, { name: new RegExp(name) }).first();
  for (const step of opened ?? []) {
    // The step itself may be missing without access.
    if (!(await find(step).isVisible())) return false;
    await find(step).click();
  }
  return find(shows)
    .waitFor({ timeout: expected ? 10_000 : 300 })
    .then(
      () => true,
      () => false,
    );
}

await script(async (open) => {
  const api = new Api(lab.url, lab.user, lab.password);
  const registry = new Registry(lab.url, lab.user, lab.password);
  for (const tag of ["1.0", "1.1"]) await registry.image("team/app", tag, [layer(tag, 1_000)]);
  for (const [name, { role, rights }] of Object.entries(accounts)) {
    await api.send("POST", "/users", {
      name,
      password: PASSWORD,
      role,
      must_change_password: false,
    });
    if (rights) await api.send("PUT", "/grants", { user: name, group: "team", rights });
  }
  const wrong = [];
  for (const account of Object.keys(accounts)) {
    const page = await open();
    page.expected.push(/status of 40[134]/);
    await signIn(page, account, PASSWORD);
    for (const action of actions) {
      const expected = action.may.includes(account);
      const byApi = await allowed(account, action.api);
      const byPage = await offered(page, action, expected);
      if (byApi !== expected)
        wrong.push(`${account}: the API ${byApi ? "allows" : "denies"}: ${action.what}`);
      if (byPage !== expected)
        wrong.push(`${account}: the page ${byPage ? "offers" : "hides"}: ${action.what}`);
    }
    console.log(account);
  }
  assert(wrong.length === 0, wrong.join("\n"));
});
