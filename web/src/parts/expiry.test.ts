import { expect, test } from "vitest";
import { dayOf, endOf } from "./expiry";

const NOW = Date.UTC(2026, 10, 28, 12);

test("a span is counted from now, and never is never", () => {
  expect(endOf({ choice: "30", day: "" }, NOW)).toBe("2026-12-28T12:00:00.000Z");
  expect(endOf({ choice: "never", day: "2027-01-31" }, NOW)).toBeNull();
});

test("a day counts to its end, by the clock here", () => {
  const end = new Date(endOf({ choice: "day", day: "2027-01-31" }, NOW) ?? 0);
  expect(dayOf(end.getTime())).toBe("2027-01-31");
  expect(dayOf(end.getTime() + 1000)).toBe("2027-02-01");
  expect(endOf({ choice: "day", day: "" }, NOW)).toBeUndefined();
});
