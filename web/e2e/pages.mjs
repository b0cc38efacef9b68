// All pages, how to open them, and a text that each shows in a registry filled by `seed.mjs`.
import { lab, settled, widen } from "./browser.mjs";

const at = (path, words) => async (page) => {
  await page.goto(lab.url + path);
  await page.getByRole("main").getByText(words).filter({ visible: true }).first().waitFor();
  await settled(page);
};
const repo = "/r/team/api";

/** A page with an open dialog or menu. */
const then = (go, open, shown) => async (page) => {
  // Some buttons move on narrow screens.
  await widen(page, 1440);
  await go(page);
  await open(page);
  await shown(page).waitFor();
  await settled(page);
};
const press = (name) => (page) => page.getByRole("button", { name }).first().click();
const dialog = (name) => (page) => page.getByRole("dialog", { name });

async function deleteTwo(page) {
  await page.getByRole("checkbox", { name: "Select 1.17.0" }).check();
  await page.getByRole("checkbox", { name: "Select main" }).check();
  await page.getByRole("button", { name: "Delete…" }).click();
}

async function openMenu(page) {
  await at(repo, "1.17.0")(page);
  await page.getByRole("button", { name: "More actions for main" }).click();
  await page.getByRole("menu").waitFor();
}

/** Opens a page at each width. */
export async function atEach(page, widths, { go, opensMenu }, look) {
  for (const [number, width] of widths.entries()) {
    // A menu closes on resize and has to be reopened.
    if (opensMenu) await widen(page, width);
    if (opensMenu || number === 0) await go(page);
    await widen(page, width);
    await look(width);
  }
}

async function search(page) {
  await page.keyboard.press("Control+k");
  await page.getByRole("combobox", { name: "Search repositories, tags and pages" }).fill("api");
}

/** Pages of a member who manages `team` and can pull from `infra`. */
export const membersPages = [
  { name: "member-overview", go: at("/", "Recent pushes") },
  { name: "member-groups", go: at("/groups", "infra") },
  { name: "member-group", go: at("/g/team?tab=access", "Robots") },
  { name: "member-reads", go: at("/r/infra/gateway", "2.9.4") },
  { name: "member-transfers", go: at("/transfers", "Transfers") },
  { name: "member-storage", go: at("/storage", "This host") },
  { name: "member-settings", go: at("/settings", "Password") },
  { name: "member-missing", go: at("/g/ml", "not found") },
];

/** The sign-in page. */
export const signInPage = {
  name: "sign-in",
  go: async (page) => {
    await page.goto(`${lab.url}/login`);
    await page.getByRole("button", { name: "Sign in" }).waitFor();
  },
};

/** Pages of a signed-in administrator. */
export const allPages = [
  { name: "overview", go: at("/", "Recent pushes") },
  { name: "groups", go: at("/groups", "infra") },
  { name: "group", go: at("/g/team", "team/web") },
  { name: "tags", go: at(repo, "1.17.0") },
  { name: "tags-none", go: at(`${repo}?q=nothing-like-it`, "nothing-like-it") },
  { name: "image", go: at(`${repo}/-/t/main`, "linux/amd64") },
  { name: "image-layers", go: at(`${repo}/-/t/main?tab=layers`, "debian:bookworm") },
  { name: "image-history", go: at(`${repo}/-/t/main?tab=history`, "COPY") },
  { name: "image-config", go: at(`${repo}/-/t/main?tab=config`, "APP_VERSION") },
  { name: "image-referrers", go: at(`${repo}/-/t/main?tab=referrers`, "cyclonedx") },
  { name: "image-manifest", go: at(`${repo}/-/t/main?tab=manifest`, "schemaVersion") },
  { name: "diff", go: at(`${repo}/-/diff?from=1.17.0&to=1.18.0`, "APP_VERSION") },
  { name: "transfers", go: at("/transfers", "Transfers") },
  { name: "storage", go: at("/storage", "Garbage collection") },
  { name: "users", go: at("/users", "admin") },
  { name: "users-robots", go: at("/users?tab=robots", "Robots") },
  { name: "users-rights", go: at("/users?tab=rights", "Rights") },
  { name: "settings", go: at("/settings", "Password") },
  { name: "audit", go: at("/audit", "admin") },
  {
    name: "group-access",
    go: at("/g/team?tab=access", "Robots"),
  },
  {
    name: "tags-menu",
    opensMenu: true,
    go: openMenu,
  },
  {
    name: "tags-deletion",
    go: then(at(repo, "1.17.0"), deleteTwo, (page) =>
      page.getByRole("alertdialog").getByText(/Frees/).first(),
    ),
  },
  {
    name: "group-settings",
    go: then(at("/g/team", "team/web"), press("Settings"), dialog("Settings of team")),
  },
  {
    name: "groups-new",
    go: then(at("/groups", "infra"), press("New group"), dialog("New group")),
  },
  {
    name: "users-new",
    go: then(at("/users", "admin"), press("New user"), dialog("New user")),
  },
  {
    name: "users-rights-give",
    go: then(at("/users?tab=rights", "Rights"), press("Grant access"), dialog("Grant access")),
  },
  {
    name: "users-robots-new",
    go: then(at("/users?tab=robots", "Robots"), press("New robot"), dialog(/New robot/)),
  },
  {
    name: "settings-token",
    go: then(at("/settings", "Password"), press("New token"), dialog("New token")),
  },
  {
    name: "storage-checked",
    go: then(at("/storage", "Check now"), press("Check now"), (page) =>
      page.getByText("Replace a file by renaming"),
    ),
  },
  {
    name: "storage-preview",
    go: then(at("/storage", "Preview"), press("Preview"), (page) =>
      page
        .getByRole("button", { name: "Preview again" })
        .or(page.getByText("nothing to collect"))
        .first(),
    ),
  },
  {
    name: "search",
    go: then(at("/groups", "infra"), search, (page) =>
      page.getByRole("option", { name: /team\/api/ }),
    ),
  },
  {
    name: "keys",
    go: then(
      at("/groups", "infra"),
      (page) => page.keyboard.press("?"),
      dialog("Keyboard shortcuts"),
    ),
  },
  { name: "missing", go: at("/no/such/page", "Page not found") },
];
