import { expect, test } from "vitest";
import { inShort } from "./secrets";

const secret = (id: number, more: object = {}) => ({
  id,
  name: "",
  created_at: "2026-01-01T00:00:00Z",
  ended: false,
  ...more,
});

test("the newest secret's end counts, and the last use of any", () => {
  const used = { last_used_at: "2026-11-02T00:00:00Z", last_used_from: "192.0.2.7" };
  const old = secret(1, { ...used, expires_at: "2026-11-03T00:00:00Z" });
  const fresh = secret(2, { expires_at: "2027-01-01T00:00:00Z" });
  expect(inShort([fresh, old])).toEqual({
    expiresAt: "2027-01-01T00:00:00Z",
    ended: false,
    older: true,
    usedAt: used.last_used_at,
    usedFrom: used.last_used_from,
  });
});

test("where all have ended, the newest says since when", () => {
  const gone = { ended: true, expires_at: "2026-06-01T00:00:00Z" };
  expect(inShort([secret(2, gone), secret(1, gone)])).toMatchObject({
    expiresAt: gone.expires_at,
    ended: true,
    older: false,
    usedAt: null,
  });
});
