import { expect, test } from "vitest";
import { newPassword } from "./password";

test("a password to hand over is long, can be read out, and is another each time", () => {
  const made = new Set(Array.from({ length: 200 }, newPassword));
  expect(made.size).toBe(200);
  for (const password of made)
    expect(password).toMatch(/^([a-hjkmnp-z2-9]{4}-){3}[a-hjkmnp-z2-9]{4}$/);
});
