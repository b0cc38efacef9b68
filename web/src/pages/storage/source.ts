import type { Schemas } from "../../api/client";

type Capacity = Schemas["Capacity"];
type Source = "hetzner" | "statvfs" | "unknown";

/** Milliseconds after which numbers are old: they are asked for every few minutes. */
const OLD = 30 * 60_000;

/** Who told how much room there is. */
export const sourceOf = ({ source, total }: Capacity): Source =>
  total != null && (source === "hetzner" || source === "statvfs") ? source : "unknown";

export const isOld = ({ at }: Capacity, now: number) =>
  at != null && now - new Date(at).getTime() > OLD;
