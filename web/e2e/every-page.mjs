// Looks at every page at three widths and in both themes: nothing that axe
// finds serious, nothing sideways, nothing cut, no complaint of the browser,
// and never more rows than a screen has.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { assert, lab, script, signIn } from "./browser.mjs";
import { allPages } from "./pages.mjs";
import { seed } from "./seed.mjs";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const WIDTHS = [1440, 768, 390];
const ROWS_MAX = 100;

/** What axe finds serious or critical, as words. */
async function axe(page) {
  // By the protocol, since the policy lets no page bring a script.
  const found = await page.evaluate(`(() => { ${AXE}; return axe.run(document); })()`);
  return found.violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(
      ({ id, help, nodes }) =>
        `${id}: ${help}: ${nodes.map(({ html }) => html.slice(0, 200)).join(" | ")}`,
    );
}

/** Elements that stick out of the window, or cut their own words. */
function misfits() {
  const found = [];
  if (document.documentElement.scrollWidth > window.innerWidth)
    found.push("the page scrolls sideways");
  for (const element of document.querySelectorAll("main *")) {
    const style = getComputedStyle(element);
    const box = element.getBoundingClientRect();
    if (box.width === 0 || style.visibility === "hidden" || style.clipPath !== "none") continue;
    const words = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    const cut = element.scrollWidth > element.clientWidth + 1 && style.overflowX === "hidden";
    if (words && cut && style.textOverflow !== "ellipsis") {
      found.push(`cut: ${element.outerHTML.slice(0, 200)}`);
    }
  }
  return found;
}

await script(async (open) => {
  await seed(lab.url, lab.user, lab.password);
  const wrong = [];
  for (const theme of ["light", "dark"]) {
    const page = await open({ theme });
    page.on("response", async (response) => {
      if (!response.url().includes("/api/") || response.status() !== 200) return;
      if (!(response.headers()["content-type"] ?? "").includes("json")) return;
      const { items } = (await response.json().catch(() => ({}))) ?? {};
      if (items?.length > ROWS_MAX) wrong.push(`${response.url()} brings ${items.length} rows`);
    });
    await signIn(page, lab.user, lab.password);
    for (const { name, go } of allPages) {
      for (const width of WIDTHS) {
        await page.setViewportSize({ width, height: 900 });
        await go(page);
        await page.locator("[aria-busy=true]").waitFor({ state: "detached" });
        const found = await page.evaluate(misfits);
        if (width !== 768) found.push(...(await axe(page)));
        for (const words of found) wrong.push(`${name}, ${width} px, ${theme}: ${words}`);
      }
      console.log(`${theme}: ${name}`);
    }
  }
  assert(wrong.length === 0, wrong.join("\n"));
});
