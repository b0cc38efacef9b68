import { act, renderHook } from "@testing-library/react";
import { expect, it } from "vitest";
import { between, useSelection } from "./selection";

const shown = ["main", "1.2", "1.1", "1.0"];

it("takes a range in either direction", () => {
  expect(between(shown, "1.2", "1.0")).toEqual(["1.2", "1.1", "1.0"]);
  expect(between(shown, "1.0", "1.2")).toEqual(["1.2", "1.1", "1.0"]);
});

it("takes one alone where the other is not shown any more", () =>
  expect(between(shown, "0.9", "1.1")).toEqual(["1.1"]));

it("keeps what was chosen on another page", () => {
  const { result } = renderHook(() => useSelection());
  act(() => result.current.choose("0.9", true, ["0.9"], false));
  act(() => result.current.choose("1.2", true, shown, false));
  act(() => result.current.choose("1.0", true, shown, true));
  expect([...result.current.chosen]).toEqual(["0.9", "1.2", "1.1", "1.0"]);
  act(() => result.current.chooseAll(shown, false));
  expect([...result.current.chosen]).toEqual(["0.9"]);
});
