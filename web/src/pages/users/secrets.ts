import type { Schemas } from "../../api/client";

type Secret = Schemas["Token"];

/** A summary of a robot's secrets, newest first. */
export function inShort(secrets: Secret[]) {
  const going = secrets.filter((secret) => !secret.ended);
  const newest = going[0] ?? secrets[0];
  const used = secrets.reduce<Secret | undefined>(
    (last, secret) => ((secret.last_used_at ?? "") > (last?.last_used_at ?? "") ? secret : last),
    undefined,
  );
  return {
    /** Expiry of the newest secret; null for never. */
    expiresAt: newest?.expires_at ?? null,
    /** All secrets have expired. */
    ended: going.length === 0,
    /** A replaced secret is still valid. */
    older: going.length > 1,
    usedAt: used?.last_used_at ?? null,
    usedFrom: used?.last_used_from ?? null,
  };
}
