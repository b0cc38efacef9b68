import { expect, it } from "vitest";
import { platformsOf } from "./platforms";
import { stepsOf } from "./steps";

const layer = (size: number) => ({
  digest: `sha256:${size}`,
  size,
  media_type: "",
  shared_with: [],
  shared_with_more: false,
});
const history = [
  { created_by: "FROM" },
  { created_by: "ENV", empty_layer: true },
  { created_by: "COPY" },
];

it("assigns each step its layer, latest step first", () =>
  expect(stepsOf({ history, layers: [layer(30), layer(5)] }).map(({ size }) => size)).toEqual([
    5, 0, 30,
  ]));

it("assigns no layers if the history does not match", () =>
  expect(stepsOf({ history, layers: [layer(30)] }).map(({ size }) => size)).toEqual([
    null,
    0,
    null,
  ]));

it("ignores unknown/unknown", () => {
  const platform = { digest: "sha256:1", size: 1 };
  const platforms = [
    { ...platform, os: "linux", architecture: "arm", variant: "v7" },
    { ...platform, os: "unknown", architecture: "unknown" },
  ];
  expect(platformsOf({ platforms }).map(({ name }) => name)).toEqual(["linux/arm/v7"]);
});
