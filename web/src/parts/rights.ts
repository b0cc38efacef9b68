import type { Right } from "../app/session";

/** From the least. */
export const RIGHTS: Right[] = ["pull", "push", "delete", "manage"];

/** With what each brings along: nobody can push who cannot pull. */
export function whole(rights: Right[]): Right[] {
  if (rights.includes("manage")) return RIGHTS;
  if (rights.length === 0) return [];
  return RIGHTS.filter((right) => right === "pull" || rights.includes(right));
}

/** Without what the others bring along: what one has to read. */
export function telling(rights: Right[]): Right[] {
  const all = whole(rights);
  if (all.includes("manage")) return ["manage"];
  return all.length > 1 ? all.filter((right) => right !== "pull") : all;
}

/** What others of these rights bring `right` along, so that it cannot be taken away. */
export const broughtBy = (right: Right, rights: Right[]) =>
  whole(rights.filter((other) => other !== right)).includes(right);
