// Fails if the bundle exceeds its size budget.
import { readdirSync, readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const FIRST_ROUTE_MAX = 165;
const ALL_MAX = 220;
const CSS_MAX = 15;

const manifest = JSON.parse(readFileSync("dist/.vite/manifest.json", "utf8"));
const kB = (files) =>
  [...files].reduce((sum, file) => sum + gzipSync(readFileSync(`dist/${file}`)).length, 0) / 1000;

/** A chunk with all its static imports. */
function closure(name, files = new Set()) {
  const chunk = manifest[name];
  if (files.has(chunk.file)) return files;
  files.add(chunk.file);
  for (const other of chunk.imports ?? []) closure(other, files);
  return files;
}

const entry = Object.keys(manifest).find((name) => manifest[name].isEntry);
const pages = Object.keys(manifest).filter((name) => name.startsWith("src/pages/"));
const routes = pages.map((page) => [page, kB(new Set([...closure(entry), ...closure(page)]))]);
const [page, first] = routes.reduce((a, b) => (b[1] > a[1] ? b : a), [entry, kB(closure(entry))]);
const assets = readdirSync("dist/assets").map((name) => `assets/${name}`);
const all = kB(assets.filter((name) => name.endsWith(".js")));
const css = kB(assets.filter((name) => name.endsWith(".css")));

const rows = [
  [`JavaScript of the largest first route (${page})`, first, FIRST_ROUTE_MAX],
  ["all JavaScript", all, ALL_MAX],
  ["all CSS", css, CSS_MAX],
];
for (const [what, size, max] of rows) {
  console.log(`${size.toFixed(1).padStart(6)} kB of ${max}  ${what}, gzipped`);
}
const elsewhere = assets
  .filter((name) => /\.(js|css)$/.test(name))
  .filter((name) =>
    /(url\(|import\(|from|fetch\()\s*["'`]?https?:/.test(readFileSync(`dist/${name}`, "utf8")),
  );
if (elsewhere.length > 0) console.error(`asks other hosts: ${elsewhere.join(", ")}`);
if (elsewhere.length > 0 || rows.some(([, size, max]) => size > max)) process.exit(1);
