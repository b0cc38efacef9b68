import { expect, test } from "vitest";
import { broughtBy, telling, whole } from "./rights";

test("any right brings pull along, and manage brings all", () => {
  expect(whole([])).toEqual([]);
  expect(whole(["delete"])).toEqual(["pull", "delete"]);
  expect(whole(["manage"])).toEqual(["pull", "push", "delete", "manage"]);
});

test("what others bring along is not said", () => {
  expect(telling(["pull"])).toEqual(["pull"]);
  expect(telling(["pull", "push"])).toEqual(["push"]);
  expect(telling(["push", "delete"])).toEqual(["push", "delete"]);
  expect(telling(["pull", "manage"])).toEqual(["manage"]);
});

test("what another right brings along cannot be taken away", () => {
  expect(broughtBy("pull", ["pull"])).toBe(false);
  expect(broughtBy("pull", ["pull", "push"])).toBe(true);
  expect(broughtBy("push", ["push", "manage"])).toBe(true);
  expect(broughtBy("manage", ["pull", "push", "delete", "manage"])).toBe(false);
});
