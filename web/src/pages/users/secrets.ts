import type { Schemas } from "../../api/client";

type Secret = Schemas["Token"];

/** A robot's secrets, the newest first, in short. */
export function inShort(secrets: Secret[]) {
  const going = secrets.filter((secret) => !secret.ended);
  const newest = going[0] ?? secrets[0];
  const used = secrets.reduce<Secret | undefined>(
    (last, secret) => ((secret.last_used_at ?? "") > (last?.last_used_at ?? "") ? secret : last),
    undefined,
  );
  return {
    /** When the newest ends; null: never. */
    expiresAt: newest?.expires_at ?? null,
    /** None of them is of use any more. */
    ended: going.length === 0,
    /** Programs may still use one that was replaced. */
    older: going.length > 1,
    usedAt: used?.last_used_at ?? null,
    usedFrom: used?.last_used_from ?? null,
  };
}
