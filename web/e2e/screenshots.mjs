// Takes the README's pictures, or all pages into a folder:
// screenshots.mjs FOLDER [all]
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { lab, script, signIn } from "./browser.mjs";
import { allPages, atEach, membersPages, signInPage } from "./pages.mjs";
import { Registry, randomLayer } from "./registry.mjs";
import { PASSWORD, seed } from "./seed.mjs";

const [folder, all] = process.argv.slice(2);
const OF_THE_README = ["overview", "tags", "transfers"];
const MB = 1_000_000;

const sizes = all ? [1440, 768, 390] : [1280];
const themes = all ? ["light", "dark"] : ["light"];

const take = (page, it, theme) =>
  atEach(page, sizes, it, async (width) => {
    // Wait for animations to end.
    await page.waitForTimeout(400);
    const path = join(folder, all ? `${it.name}-${width}-${theme}.png` : `${it.name}.png`);
    // A menu closes on resize, which a full-page screenshot causes.
    await page.screenshot({ path, fullPage: Boolean(all && !it.opensMenu) });
  });

await script(async (open) => {
  mkdirSync(folder, { recursive: true });
  await seed(lab.url, lab.user, lab.password);
  await lab.ask("wait until stored");
  // A transfer that runs while the screenshots are taken.
  const registry = new Registry(lab.url, lab.user, lab.password);
  for (const [repo, tag, size] of [
    ["team/api", "1.19.0", 60],
    ["ml/trainer", "2026.11.24", 90],
    ["team/web", "1.2.0", 30],
  ]) {
    await registry.image(repo, tag, [
      randomLayer(size * MB, "COPY model /opt"),
      randomLayer(MB, "COPY app /opt"),
    ]);
  }
  for (const theme of themes) {
    const page = await open({ theme, height: 900 });
    if (all) {
      await take(page, signInPage, theme);
    }
    await signIn(page, lab.user, lab.password);
    for (const it of allPages.filter(({ name }) => all || OF_THE_README.includes(name))) {
      await take(page, it, theme);
    }
    if (!all) continue;
    const members = await open({ theme, height: 900 });
    await signIn(members, "heron", PASSWORD);
    members.expected.push(/status of 404/);
    for (const it of membersPages) {
      await take(members, it, theme);
    }
  }
});
