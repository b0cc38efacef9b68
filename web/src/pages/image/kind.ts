import type { Schemas } from "../../api/client";
import { text } from "../../text";

export type Kind = "image" | "chart" | "artifact";

const CHART = "application/vnd.cncf.helm.config.v1+json";
/** A manifest without an artifact type has the type of its config. */
const OF_IMAGES = [
  "application/vnd.oci.image.config.v1+json",
  "application/vnd.docker.container.image.v1+json",
];
const LAYER = /^application\/vnd\.(oci\.image\.layer|docker\.image\.rootfs)\./;

/** Possible actions: container engines only run images. */
export function kindOf(
  image: Pick<Schemas["Image"], "artifact_type" | "layers" | "subject">,
): Kind {
  if (image.artifact_type === CHART) return "chart";
  const runs =
    !image.subject &&
    (!image.artifact_type || OF_IMAGES.includes(image.artifact_type)) &&
    // Signatures and attestations also have an image config.
    image.layers.every((it) => LAYER.test(it.media_type));
  return runs ? "image" : "artifact";
}

/** The kind of an artifact. Attestations also have an image config. */
export function typeOf({
  artifact_type: type,
  layers,
}: Pick<Schemas["Image"], "artifact_type" | "layers">) {
  return type && !OF_IMAGES.includes(type) ? type : layers[0]?.media_type;
}

/** Display name of a type, or undefined if unknown. */
export function nameOfType(type: string): string | undefined {
  // Any version of `application/vnd.dev.sigstore.bundle.v0.3+json`.
  return text.image.types.find(([start]) => type.startsWith(start))?.[1];
}
