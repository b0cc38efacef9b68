import type { Right } from "../app/session";

/** In ascending order. */
export const RIGHTS: Right[] = ["pull", "push", "delete", "manage"];

/** Adds implied rights: push requires pull. */
export function whole(rights: Right[]): Right[] {
  if (rights.includes("manage")) return RIGHTS;
  if (rights.length === 0) return [];
  return RIGHTS.filter((right) => right === "pull" || rights.includes(right));
}

/** Removes rights that others imply, for display. */
export function telling(rights: Right[]): Right[] {
  const all = whole(rights);
  if (all.includes("manage")) return ["manage"];
  return all.length > 1 ? all.filter((right) => right !== "pull") : all;
}

/** The rights in this set that imply `right`. */
export const broughtBy = (right: Right, rights: Right[]) =>
  whole(rights.filter((other) => other !== right)).includes(right);
