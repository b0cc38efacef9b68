import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

const css = readFileSync(join(__dirname, "tokens.css"), "utf8");
const tokens = new Map(
  [...css.matchAll(/--([\w-]+): light-dark\((#\w{6}), (#\w{6})\)/g)].map(
    ([, name, light, dark]) => [name, { light, dark }],
  ),
);

/** WCAG 2.2, relative luminance. */
function luminance(colour: string) {
  const [r, g, b] = [1, 3, 5]
    .map((at) => Number.parseInt(colour.slice(at, at + 2), 16) / 255)
    .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)) as [
    number,
    number,
    number,
  ];
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(a: string, b: string) {
  const [dark, light] = [luminance(a), luminance(b)].sort((x, y) => x - y) as [number, number];
  return (light + 0.05) / (dark + 0.05);
}

const GROUNDS = ["bg", "surface", "raised", "sunken", "hover", "picked", "nav-at"];
const PAIRS: [string, string[]][] = [
  ["text", [...GROUNDS, "track", "ok-soft", "warn-soft", "bad-soft", "live-soft"]],
  ["muted", [...GROUNDS, "warn-soft", "bad-soft", "ok-soft", "track"]],
  ["accent", GROUNDS],
  ["accent-strong", ["sunken", "warn-soft", "bad-soft"]],
  ["on-accent", ["accent", "accent-strong"]],
  ["on-bad", ["bad", "bad-strong"]],
  ["ok", [...GROUNDS, "ok-soft"]],
  ["warn", [...GROUNDS, "warn-soft"]],
  ["bad", [...GROUNDS, "bad-soft"]],
  ["live", [...GROUNDS, "live-soft"]],
];

describe.each(["light", "dark"] as const)("%s", (theme) => {
  const colour = (name: string) => tokens.get(name)?.[theme] ?? "";
  it.each(PAIRS.flatMap(([text, grounds]) => grounds.map((ground) => [text, ground])))(
    "%s can be read on %s",
    (text, ground) => {
      expect(contrast(colour(text), colour(ground))).toBeGreaterThanOrEqual(4.5);
    },
  );
  it("has visible control borders", () => {
    // WCAG 2.2, 1.4.11.
    expect(contrast(colour("control"), colour("surface"))).toBeGreaterThanOrEqual(3);
  });
});
