import { expect, it } from "vitest";
import { fateOf } from "./fate";

const alone = { missing: [], also_tagged: [], manifests: 1 };

it("removes an image with the last of its names", () =>
  expect(fateOf("1.0", alone, ["1.0"])).toEqual({ is: "removed" }));

it("keeps an image that has another name", () =>
  expect(fateOf("1.0", { ...alone, also_tagged: ["next"], manifests: 0 }, ["1.0"])).toEqual({
    is: "staysAs",
    names: ["next"],
  }));

it("removes an image all of whose names go", () =>
  expect(fateOf("1.0", { ...alone, also_tagged: ["next"], manifests: 0 }, ["1.0", "next"])).toEqual(
    { is: "removed" },
  ));

it("keeps what an index that stays needs", () =>
  expect(fateOf("amd64", { ...alone, manifests: 0 }, ["amd64"])).toEqual({ is: "stays" }));

it("tells of a tag that is gone already", () =>
  expect(fateOf("1.0", { ...alone, missing: ["1.0"], manifests: 0 }, ["1.0"])).toEqual({
    is: "gone",
  }));
