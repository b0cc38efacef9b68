import type { Schemas } from "../../api/client";

type TagEffect = { is: "removed" | "stays" | "gone" } | { is: "staysAs"; names: string[] };

/**
 * The effect on a tag's image.
 * @param alone preview of deleting only this tag
 * @param deleted all tags that are deleted together
 */
export function effectOf(
  tag: string,
  alone: Pick<Schemas["ShownPreview"], "missing" | "also_tagged" | "manifests">,
  deleted: string[],
): TagEffect {
  if (alone.missing.includes(tag)) return { is: "gone" };
  const names = alone.also_tagged.filter((name) => !deleted.includes(name));
  if (names.length > 0) return { is: "staysAs", names };
  // Its other tags are deleted too; or it has none, and is kept only if an index references it.
  return { is: alone.also_tagged.length > 0 || alone.manifests > 0 ? "removed" : "stays" };
}
