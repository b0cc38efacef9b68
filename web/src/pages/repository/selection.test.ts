import { act, renderHook } from "@testing-library/react";
import { expect, it } from "vitest";
import { between, renewed, together, useSelection } from "./selection";
import type { Tag } from "./TagRow";

const tag = (name: string, changes: Partial<Tag> = {}): Tag => ({
  name,
  digest: `sha256:${name}`,
  media_type: "",
  platforms: [],
  size: 10,
  pushed_at: "2026-11-01T00:00:00Z",
  pulls: 0,
  durability: {
    state: "on_sftp",
    bytes_total: 10,
    bytes_stored: 10,
    bytes_verified: 0,
    percent: 100,
    failed: false,
  },
  ...changes,
});
const names = ["main", "1.2", "1.1", "1.0"];
const shown = names.map((name) => tag(name));

it("selects a range in either direction", () => {
  expect(between(names, "1.2", "1.0")).toEqual(["1.2", "1.1", "1.0"]);
  expect(between(names, "1.0", "1.2")).toEqual(["1.2", "1.1", "1.0"]);
});

it("selects a single tag if the anchor is no longer visible", () =>
  expect(between(names, "0.9", "1.1")).toEqual(["1.1"]));

it("keeps selections of other pages and drops deleted tags", () => {
  const { result } = renderHook(() => useSelection());
  const chosen = () => [...result.current.chosen.keys()];
  act(() => result.current.choose("0.9", true, [tag("0.9")], false));
  act(() => result.current.choose("1.2", true, shown, false));
  act(() => result.current.choose("1.0", true, shown, true));
  expect(chosen()).toEqual(["0.9", "1.2", "1.1", "1.0"]);
  act(() => result.current.forget(["1.1"]));
  expect(chosen()).toEqual(["0.9", "1.2", "1.0"]);
  act(() => result.current.chooseAll(shown, false));
  expect(chosen()).toEqual(["0.9"]);
});

it("returns the current digests of all selected tags", () => {
  const chosen = new Map([tag("0.9"), tag("main")].map((it) => [it.name, it]));
  const again = tag("main", { digest: "sha256:again" });
  expect(together(renewed(chosen, [again])).digests).toEqual(["sha256:0.9", "sha256:again"]);
});

it("counts an image with two tags once", () =>
  expect(together([tag("1.2"), tag("latest", { digest: "sha256:1.2" })]).bytes).toBe(10));

it("compares two tags, older push first", () => {
  const old = tag("old", { pushed_at: "2026-10-01T00:00:00Z" });
  expect(together([tag("new"), old]).pair).toEqual(["old", "new"]);
  expect(together([tag("new"), old, tag("third")]).pair).toBeUndefined();
});
