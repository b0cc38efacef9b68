/** Lifetimes of a secret in days. */
export const SPANS = [7, 30, 90, 365] as const;

/** `choice` is one of `SPANS`, `day` or `never`; `day` is the value of a date field. */
export type Expiry = { choice: string; day: string };

const DAY = 24 * 60 * 60 * 1000;

/** `2027-01-31` in local time. */
export function dayOf(at: number) {
  const then = new Date(at);
  const two = (n: number) => String(n).padStart(2, "0");
  return `${then.getFullYear()}-${two(then.getMonth() + 1)}-${two(then.getDate())}`;
}

/** The expiry for the API: null for never, undefined if no day is chosen yet. */
export function endOf({ choice, day }: Expiry, now: number): string | null | undefined {
  if (choice === "never") return null;
  if (choice !== "day") return new Date(now + Number(choice) * DAY).toISOString();
  // The end of the day in local time.
  const end = new Date(`${day}T23:59:59`);
  return Number.isNaN(end.getTime()) ? undefined : end.toISOString();
}
