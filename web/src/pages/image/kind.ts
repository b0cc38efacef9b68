import type { Schemas } from "../../api/client";
import { text } from "../../text";

export type Kind = "image" | "chart" | "artifact";

const CHART = "application/vnd.cncf.helm.config.v1+json";
/** A manifest without a type of its own has its configuration's. */
const OF_IMAGES = [
  "application/vnd.oci.image.config.v1+json",
  "application/vnd.docker.container.image.v1+json",
];
const LAYER = /^application\/vnd\.(oci\.image\.layer|docker\.image\.rootfs)\./;

/** What can be done with it: a container's engine runs images only. */
export function kindOf(
  image: Pick<Schemas["Image"], "artifact_type" | "layers" | "subject">,
): Kind {
  if (image.artifact_type === CHART) return "chart";
  const runs =
    !image.subject &&
    (!image.artifact_type || OF_IMAGES.includes(image.artifact_type)) &&
    // Signatures and attestations have an image's configuration.
    image.layers.every((it) => LAYER.test(it.media_type));
  return runs ? "image" : "artifact";
}

/** What it is, where it is no image. What attests has an image's configuration. */
export function typeOf({
  artifact_type: type,
  layers,
}: Pick<Schemas["Image"], "artifact_type" | "layers">) {
  return type && !OF_IMAGES.includes(type) ? type : layers[0]?.media_type;
}

/** What people call a type; nothing for one that is not known. */
export function nameOfType(type: string): string | undefined {
  // `application/vnd.dev.sigstore.bundle.v0.3+json`, in any version.
  return text.image.types.find(([start]) => type.startsWith(start))?.[1];
}
