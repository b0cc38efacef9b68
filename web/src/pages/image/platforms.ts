import type { Schemas } from "../../api/client";

/**
 * The platforms of an image by name, without `unknown/unknown`, which builders use for
 * attestations.
 */
export const platformsOf = ({ platforms }: Pick<Schemas["Image"], "platforms">) =>
  platforms
    .filter(({ os }) => os !== "unknown")
    .map(({ os, architecture, variant, digest, size }) => ({
      name: [os, architecture, variant].filter(Boolean).join("/"),
      digest,
      size,
    }));
