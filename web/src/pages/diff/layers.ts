import type { Schemas } from "../../api/client";

export type Layer = Schemas["DiffLayer"];
/** A layer of one or both images, or a step whose layer changed. */
export type Row = {
  is: "same" | "changed" | "added" | "removed";
  step?: string | null;
  digest: string;
  /** Size in bytes on each side. */
  from?: number;
  into?: number;
};

/** Aligns the layers of two images, base layer first. */
export function sideBySide(from: Layer[], into: Layer[]): Row[] {
  const rows: Row[] = [];
  let [a, b] = [0, 0];
  for (const [x, y] of common(from, into)) {
    rows.push(...between(from.slice(a, x), into.slice(b, y)));
    const layer = into[y] as Layer;
    const { digest, size } = layer;
    rows.push({ is: "same", step: layer.created_by, digest, from: size, into: size });
    [a, b] = [x + 1, y + 1];
  }
  return [...rows, ...between(from.slice(a), into.slice(b))];
}

/** Longest common subsequence of layers. */
function common(from: Layer[], into: Layer[]): [number, number][] {
  const long: number[][] = Array.from({ length: from.length + 1 }, () =>
    new Array<number>(into.length + 1).fill(0),
  );
  const at = (x: number, y: number) => long[x]?.[y] ?? 0;
  const equal = (x: number, y: number) => from[x]?.digest === into[y]?.digest;
  for (let x = from.length - 1; x >= 0; x -= 1) {
    for (let y = into.length - 1; y >= 0; y -= 1) {
      const best = equal(x, y) ? at(x + 1, y + 1) + 1 : Math.max(at(x + 1, y), at(x, y + 1));
      (long[x] as number[])[y] = best;
    }
  }
  const found: [number, number][] = [];
  let [x, y] = [0, 0];
  while (x < from.length && y < into.length) {
    if (equal(x, y)) {
      found.push([x, y]);
      [x, y] = [x + 1, y + 1];
    } else if (at(x + 1, y) >= at(x, y + 1)) x += 1;
    else y += 1;
  }
  return found;
}

/** Pairs changed layers of the same step between two common layers. */
function between(gone: Layer[], come: Layer[]): Row[] {
  const rows: Row[] = [];
  let next = 0;
  for (const layer of gone) {
    const at = come.findIndex((it, index) => index >= next && isSameStep(layer, it));
    if (at < 0) {
      rows.push({ is: "removed", step: layer.created_by, digest: layer.digest, from: layer.size });
      continue;
    }
    rows.push(...come.slice(next, at).map(added));
    const { created_by: step, digest, size } = come[at] as Layer;
    rows.push({ is: "changed", step, digest, from: layer.size, into: size });
    next = at + 1;
  }
  return [...rows, ...come.slice(next).map(added)];
}

const added = ({ created_by: step, digest, size }: Layer): Row => ({
  is: "added",
  step,
  digest,
  into: size,
});

const isSameStep = (a: Layer, b: Layer) =>
  Boolean(a.created_by) && plain(a.created_by) === plain(b.created_by);

/** Normalizes a step: removes builder prefixes and names that differ in every build. */
const plain = (step: string | null | undefined) =>
  step
    ?.replace(/^\/bin\/sh -c (#\(nop\) )?/, "")
    .replace(/ # buildkit$/, "")
    .replace(/\b(file|dir|multi):[0-9a-f]{32,}/g, "$1")
    .trim();
