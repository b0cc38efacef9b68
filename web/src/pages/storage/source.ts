import type { Schemas } from "../../api/client";

type Capacity = Schemas["Capacity"];
type Source = "hetzner" | "statvfs" | "unknown";

/** Age in milliseconds after which numbers are outdated; they are refreshed every few minutes. */
const OLD = 30 * 60_000;

/** Source of the capacity. */
export const sourceOf = ({ source, total }: Capacity): Source =>
  total != null && (source === "hetzner" || source === "statvfs") ? source : "unknown";

export const isOld = ({ at }: Capacity, now: number) =>
  at != null && now - new Date(at).getTime() > OLD;
