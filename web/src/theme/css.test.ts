import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { describe, expect, it } from "vitest";

const SOURCE = join(__dirname, "..");
const files = readdirSync(SOURCE, { recursive: true, encoding: "utf8" }).map((name) =>
  join(SOURCE, name),
);
const modules = files.filter((file) => file.endsWith(".module.css"));
const scripts = files
  .filter((file) => /\.tsx?$/.test(file) && !file.includes(".test."))
  .map((file) => ({ file, text: readFileSync(file, "utf8") }));

const classesOf = (css: string) =>
  new Set(
    [...css.replace(/\/\*.*?\*\//gs, "").matchAll(/\.([a-zA-Z_]\w*)/g)].map(([, name]) => name),
  );

/** Scripts that import a style sheet, and the import's name. */
function importers(sheet: string) {
  return scripts.flatMap(({ file, text }) => {
    const imports = text.matchAll(/import (\w+) from "(\.[^"]+\.module\.css)"/g);
    return [...imports]
      .filter(([, , path]) => join(dirname(file), path ?? "") === sheet)
      .map(([, name]) => ({ name, text }));
  });
}

describe.each(modules.map((file) => [relative(SOURCE, file), file]))("%s", (_, sheet) => {
  const classes = classesOf(readFileSync(sheet, "utf8"));
  const by = importers(sheet);

  it("has no unused class", () => {
    const words = by.map(({ text }) => text).join("\n");
    const unused = [...classes].filter((name) => !new RegExp(`\\b${name}\\b`).test(words));
    expect(unused).toEqual([]);
  });

  it("defines every used class", () => {
    const used = by.flatMap(({ name, text }) =>
      [...text.matchAll(new RegExp(`\\b${name}\\.(\\w+)`, "g"))].map(([, used]) => used),
    );
    expect(used.length).toBeGreaterThan(0);
    expect(used.filter((name) => !classes.has(name))).toEqual([]);
  });
});
