import type { Kind } from "./kind";

export type Tool = "docker" | "podman" | "skopeo" | "helm" | "oras" | "digest";

/**
 * The pull commands of an image or artifact, most common first.
 * @param name with the registry's host
 * @param reference a tag or a digest
 */
export function pullsOf(kind: Kind, name: string, reference: string, digest: string) {
  const pulls = allOf(kind, name, reference, digest);
  // The reference is already a digest.
  return reference === digest ? pulls.filter(([tool]) => tool !== "digest") : pulls;
}

function allOf(kind: Kind, name: string, reference: string, digest: string): [Tool, string][] {
  const byDigest = reference.includes(":");
  const whole = `${name}${byDigest ? "@" : ":"}${reference}`;
  const last = name.slice(name.lastIndexOf("/") + 1);
  const skopeo: [Tool, string] = ["skopeo", `skopeo copy docker://${whole} oci:${last}`];
  switch (kind) {
    case "image":
      return [
        ["docker", `docker pull ${whole}`],
        ["podman", `podman pull ${whole}`],
        skopeo,
        ["digest", `docker pull ${name}@${digest}`],
      ];
    case "chart":
      return [
        ["helm", `helm pull oci://${byDigest ? whole : `${name} --version ${reference}`}`],
        ["oras", `oras pull ${whole}`],
        ["digest", `oras pull ${name}@${digest}`],
      ];
    case "artifact":
      return [["oras", `oras pull ${whole}`], skopeo, ["digest", `oras pull ${name}@${digest}`]];
  }
}
