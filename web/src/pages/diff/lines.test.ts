import { expect, it } from "vitest";
import type { Schemas } from "../../api/client";
import { countOf, linesOf, sameOf } from "./lines";

const words = (from: string[], to: string[]) => ({
  changed: JSON.stringify(from) !== JSON.stringify(to),
  from,
  to,
});
const side = { digest: "sha256:0", size: 1 };
const diff = (changes: Partial<Schemas["Diff"]>): Schemas["Diff"] => ({
  from: side,
  to: side,
  layers: { same: [], added: [], removed: [] },
  download_bytes: 0,
  cmd: words([], []),
  entrypoint: words([], []),
  env: {},
  labels: {},
  user: {},
  working_dir: {},
  ...changes,
});

it("omits unchanged lines", () => expect(linesOf(diff({}))).toEqual([]));

it("lists old before new, and additions alone", () => {
  const lines = linesOf(
    diff({
      entrypoint: words(["/bin/app"], ["/bin/app", "--listen", "a b"]),
      env: { MODE: { from: "one", to: "two" }, NEW: { from: null, to: "" } },
      user: { from: null, to: "app" },
    }),
  );
  expect(lines).toEqual([
    { kind: "entrypoint", is: "gone", words: "/bin/app" },
    { kind: "entrypoint", is: "new", words: '/bin/app --listen "a b"' },
    { kind: "user", is: "new", words: "app" },
    { kind: "env", is: "gone", words: "MODE=one" },
    { kind: "env", is: "new", words: "MODE=two" },
    { kind: "env", is: "new", words: "NEW=" },
  ]);
});

it("counts a changed value once", () =>
  expect(
    countOf(diff({ user: { to: "app" }, env: { A: { from: "1", to: "2" }, B: { from: "1" } } })),
  ).toBe(3));

it("lists unchanged settings on request", () => {
  const config = {
    entrypoint: ["/bin/app"],
    cmd: [],
    user: "app",
    env: ["MODE=two", "TZ=UTC"],
    labels: { revision: "1" },
    exposed_ports: [],
    volumes: [],
  };
  const changed = diff({ env: { MODE: { from: "one", to: "two" } }, user: { to: "app" } });
  expect(sameOf(changed, config).map(({ words }) => words)).toEqual([
    "/bin/app",
    "TZ=UTC",
    "revision=1",
  ]);
});
