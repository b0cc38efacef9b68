/** Days after which a secret may end. */
export const SPANS = [7, 30, 90, 365] as const;

/** `choice`: one of `SPANS`, `day` or `never`; `day`: as a date field has it. */
export type Expiry = { choice: string; day: string };

const DAY = 24 * 60 * 60 * 1000;

/** `2027-01-31`, here. */
export function dayOf(at: number) {
  const then = new Date(at);
  const two = (n: number) => String(n).padStart(2, "0");
  return `${then.getFullYear()}-${two(then.getMonth() + 1)}-${two(then.getDate())}`;
}

/** When that is, for the API: null is never. Undefined: no day is given yet. */
export function endOf({ choice, day }: Expiry, now: number): string | null | undefined {
  if (choice === "never") return null;
  if (choice !== "day") return new Date(now + Number(choice) * DAY).toISOString();
  // All of the day, as the clock here has it.
  const end = new Date(`${day}T23:59:59`);
  return Number.isNaN(end.getTime()) ? undefined : end.toISOString();
}
