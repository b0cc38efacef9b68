import { expect, it } from "vitest";
import { effectOf } from "./effect";

const alone = { missing: [], also_tagged: [], manifests: 1 };

it("removes an image with its last tag", () =>
  expect(effectOf("1.0", alone, ["1.0"])).toEqual({ is: "removed" }));

it("keeps an image that has another tag", () =>
  expect(effectOf("1.0", { ...alone, also_tagged: ["next"], manifests: 0 }, ["1.0"])).toEqual({
    is: "staysAs",
    names: ["next"],
  }));

it("removes an image if all its tags are deleted", () =>
  expect(
    effectOf("1.0", { ...alone, also_tagged: ["next"], manifests: 0 }, ["1.0", "next"]),
  ).toEqual({ is: "removed" }));

it("keeps an image that a kept index references", () =>
  expect(effectOf("amd64", { ...alone, manifests: 0 }, ["amd64"])).toEqual({ is: "stays" }));

it("reports a tag that is already deleted", () =>
  expect(effectOf("1.0", { ...alone, missing: ["1.0"], manifests: 0 }, ["1.0"])).toEqual({
    is: "gone",
  }));
