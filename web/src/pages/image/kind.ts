import type { Schemas } from "../../api/client";
import { text } from "../../text";

export type Kind = "image" | "chart" | "artifact";

const CHART = "application/vnd.cncf.helm.config.v1+json";
const IN_TOTO = "application/vnd.in-toto+json";

/** What can be done with it: a container's engine runs images only. */
export function kindOf(
  image: Pick<Schemas["Image"], "artifact_type" | "layers" | "subject">,
): Kind {
  if (image.artifact_type === CHART) return "chart";
  const attests = image.layers.length > 0 && image.layers.every((it) => it.media_type === IN_TOTO);
  return image.artifact_type || image.subject || attests ? "artifact" : "image";
}

/** What it is, where it is no image. What attests has an image's configuration. */
export function typeOf({
  artifact_type: type,
  layers,
}: Pick<Schemas["Image"], "artifact_type" | "layers">) {
  return type && !type.startsWith("application/vnd.oci.image.config")
    ? type
    : layers[0]?.media_type;
}

/** What people call a type; nothing for one that is not known. */
export function nameOfType(type: string): string | undefined {
  // `application/vnd.dev.sigstore.bundle.v0.3+json`, in any version.
  return text.image.types.find(([start]) => type.startsWith(start))?.[1];
}
