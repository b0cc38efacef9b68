import { expect, it } from "vitest";
import { sideBySide } from "./layers";

const layer = (digest: string, created_by: string | null, size = 1) => ({
  digest,
  created_by,
  size,
});
const base = layer("base", "FROM debian", 30);
const rows = (...of: Parameters<typeof sideBySide>) =>
  sideBySide(...of).map(({ is, digest }) => `${is} ${digest}`);

it("keeps the order, base layer first, with unchanged layers in between", () =>
  expect(
    rows(
      [
        base,
        layer("deps1", "RUN npm ci"),
        layer("public", "COPY public"),
        layer("old", "COPY old"),
      ],
      [
        base,
        layer("deps2", "RUN npm ci"),
        layer("public", "COPY public"),
        layer("otel", "COPY otel"),
      ],
    ),
  ).toEqual(["same base", "changed deps2", "same public", "removed old", "added otel"]));

it("pairs layers of the same step as one change with both sizes", () =>
  expect(
    sideBySide([layer("a", "/bin/sh -c npm ci", 5)], [layer("b", "npm ci # buildkit", 7)]),
  ).toEqual([{ is: "changed", step: "npm ci # buildkit", digest: "b", from: 5, into: 7 }]));

it("does not pair layers without steps", () =>
  expect(rows([layer("a", null)], [layer("b", null)])).toEqual(["removed a", "added b"]));

it("handles a layer that occurs twice", () => {
  const empty = layer("empty", "RUN true");
  expect(rows([base, empty], [base, empty, empty])).toEqual([
    "same base",
    "same empty",
    "added empty",
  ]);
});

it("does not treat a different order as equal", () =>
  expect(rows([layer("a", "A"), layer("b", "B")], [layer("b", "B"), layer("a", "A")])).toEqual([
    "removed a",
    "same b",
    "added a",
  ]));
