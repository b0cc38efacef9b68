// Checks a rendered page with axe and for layout faults.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { assert } from "./browser.mjs";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** Serious and critical axe violations, as text. */
async function axe(page) {
  // Through the DevTools protocol, since the content security policy blocks injected scripts.
  const found = await page.evaluate(`(() => { ${AXE}; return axe.run(document); })()`);
  return found.violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(
      ({ id, help, nodes }) =>
        `${id}: ${help}: ${nodes.map(({ html }) => html.slice(0, 200)).join(" | ")}`,
    );
}

/** Elements that overflow the window or clip their text. */
function misfits() {
  const found = [];
  /** The ancestor that clips an element, or null if it is scrollable. */
  const clipping = (element) => {
    if (!element) return null;
    const { overflowX, clipPath } = getComputedStyle(element);
    // For screen readers only, not visible.
    if (clipPath !== "none") return null;
    if (overflowX === "visible") return clipping(element.parentElement);
    return overflowX === "hidden" ? element : null;
  };
  if (document.documentElement.scrollWidth > window.innerWidth)
    found.push("the page scrolls sideways");
  for (const element of document.querySelectorAll("body *")) {
    const style = getComputedStyle(element);
    const box = element.getBoundingClientRect();
    if (box.width <= 1 || style.visibility === "hidden" || style.clipPath !== "none") continue;
    const words = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!words) continue;
    const own = element.scrollWidth > element.clientWidth + 1 && style.overflowX === "hidden";
    // An ellipsis applies to an element's own text, not to that of nested boxes.
    const around = style.display.startsWith("inline") ? null : clipping(element.parentElement);
    const right = box.left + element.scrollWidth;
    const cut = around && right > around.getBoundingClientRect().right + 1;
    if ((own && style.textOverflow !== "ellipsis") || cut) {
      found.push(`cut: ${element.outerHTML.slice(0, 200)}`);
    }
  }
  for (const tab of document.querySelectorAll("[role=tab][aria-selected=true]")) {
    const [box, list] = [tab, tab.parentElement].map((it) => it.getBoundingClientRect());
    if (box.left < list.left - 1 || box.right > list.right + 1)
      found.push(`the chosen tab is out of sight: ${tab.textContent}`);
  }
  return found;
}

/** Returns all faults of a page. */
export const flaws = async (page) => [...(await page.evaluate(misfits)), ...(await axe(page))];

/** Fails if a page has a fault. */
export async function look(page, name) {
  const found = await flaws(page);
  assert(found.length === 0, `${name}:\n${found.join("\n")}`);
}

/** Fails unless injected faults are found. */
export async function tryOut(page) {
  await page.evaluate(() => {
    const faults = document.createElement("main");
    faults.id = "faults";
    faults.innerHTML = "<button></button><p>some words</p><div><p>within it</p></div><p>far</p>";
    const [cut, , far] = faults.querySelectorAll("p");
    const hides = { width: "30px", overflow: "hidden", whiteSpace: "nowrap" };
    Object.assign(faults.querySelector("div").style, { ...hides, textOverflow: "ellipsis" });
    Object.assign(cut.style, hides);
    far.style.width = "5000px";
    document.body.append(faults);
  });
  const found = (await flaws(page)).join("\n");
  for (const fault of ["button-name", ">some words", ">within it", "sideways"]) {
    assert(found.includes(fault), `${fault} is not found in a page that has it: ${found}`);
  }
  await page.evaluate(() => document.getElementById("faults").remove());
}
