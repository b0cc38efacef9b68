// Every page of the interface with what it shows in a registry that `seed.mjs`
// filled, and how one gets there.
import { lab } from "./browser.mjs";

const at = (path, words) => async (page) => {
  await page.goto(lab.url + path);
  await page.getByRole("main").getByText(words).first().waitFor();
};
const repo = "/r/team/api";

/** The pages that someone who has signed in sees. */
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
  { name: "missing", go: at("/no/such/page", "There is nothing here") },
];
