import { expect, it } from "vitest";
import { pullsOf } from "./pulls";

const name = "registry.example.com/team/app";
const digest = "sha256:12";

it("pulls an image by tag and by digest", () =>
  expect(pullsOf("image", name, "1.0", digest)).toEqual([
    ["docker", `docker pull ${name}:1.0`],
    ["podman", `podman pull ${name}:1.0`],
    ["skopeo", `skopeo copy docker://${name}:1.0 oci:app`],
    ["digest", `docker pull ${name}@sha256:12`],
  ]));

it("pulls a chart with helm, with the tag as version", () =>
  expect(pullsOf("chart", name, "1.0", digest)[0]).toEqual([
    "helm",
    `helm pull oci://${name} --version 1.0`,
  ]));

it("offers no container engine for artifacts", () =>
  expect(pullsOf("artifact", name, digest, digest).map(([, command]) => command)).toEqual([
    `oras pull ${name}@sha256:12`,
    `skopeo copy docker://${name}@sha256:12 oci:app`,
  ]));
