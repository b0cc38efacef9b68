import { expect, it } from "vitest";
import { kindOf, nameOfType } from "./kind";

const layer = (media_type: string) => ({
  digest: "sha256:1",
  size: 1,
  media_type,
  shared_with: [],
  shared_with_more: false,
});
const packed = layer("application/vnd.oci.image.layer.v1.tar+gzip");

it("distinguishes images from artifacts", () => {
  expect(kindOf({ layers: [packed] })).toBe("image");
  expect(kindOf({ layers: [] })).toBe("image");
  const oci = "application/vnd.oci.image.config.v1+json";
  expect(kindOf({ layers: [packed], artifact_type: oci })).toBe("image");
  const gzip = layer("application/vnd.docker.image.rootfs.diff.tar.gzip");
  const docker = "application/vnd.docker.container.image.v1+json";
  expect(kindOf({ layers: [gzip], artifact_type: docker })).toBe("image");
  const cosign = layer("application/vnd.dev.cosign.simplesigning.v1+json");
  expect(kindOf({ layers: [cosign], artifact_type: oci })).toBe("artifact");
  expect(kindOf({ layers: [layer("application/vnd.in-toto+json")] })).toBe("artifact");
  expect(kindOf({ layers: [packed], subject: "sha256:2" })).toBe("artifact");
  expect(kindOf({ layers: [packed], artifact_type: "application/spdx+json" })).toBe("artifact");
  const chart = "application/vnd.cncf.helm.config.v1+json";
  expect(kindOf({ layers: [packed], artifact_type: chart })).toBe("chart");
});

it("names types of any version", () => {
  expect(nameOfType("application/vnd.dev.sigstore.bundle.v0.3+json")).toBe("Signature (sigstore)");
  expect(nameOfType("application/x-own")).toBeUndefined();
});
