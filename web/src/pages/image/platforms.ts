import type { Schemas } from "../../api/client";

/** The platforms of an image by name. What is of no platform, such as an
 * attestation, builders call `unknown/unknown`: it is none. */
export const platformsOf = ({ platforms }: Pick<Schemas["Image"], "platforms">) =>
  platforms
    .filter(({ os }) => os !== "unknown")
    .map(({ os, architecture, variant, digest, size }) => ({
      name: [os, architecture, variant].filter(Boolean).join("/"),
      digest,
      size,
    }));
