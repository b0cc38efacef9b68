import { describe, expect, it } from "vitest";
import {
  ago,
  bytes,
  bytesOf,
  duration,
  exactly,
  percent,
  rate,
  sentence,
  shortDigest,
} from "./format";

describe("sizes", () => {
  it.each([
    [0, "0 B"],
    [999, "999 B"],
    [1_000, "1 kB"],
    [999_499, "999 kB"],
    [999_600, "1 MB"],
    [9_140_000_000, "9.1 GB"],
    [488_000_000, "488 MB"],
    [1_930_000_000_000, "1.9 TB"],
  ])("%d bytes are %s", (n, words) => expect(bytes(n)).toBe(words));

  it("formats a part in the unit of the total", () => {
    expect(bytesOf(222_000_000, 358_000_000)).toBe("222 of 358 MB");
    expect(bytesOf(0, 8_940_000_000)).toBe("0 of 8.9 GB");
  });

  it("formats a rate per second", () => expect(rate(8_100_000)).toBe("8.1 MB/s"));

  it("never rounds up to 100 %", () => {
    expect(percent(999, 1_000)).toBe(99);
    expect(percent(1_000, 1_000)).toBe(100);
    expect(percent(0, 0)).toBe(0);
  });
});

it.each([
  [
    "making the folder a/b is refused: permission denied",
    "Making the folder a/b is refused: permission denied.",
  ],
  ["box.example.com did not answer", "box.example.com did not answer."],
  ['it says "HTTP/1.1 400"', 'It says "HTTP/1.1 400".'],
  ["It broke off.", "It broke off."],
  ["read it at https://example.com/", "Read it at https://example.com/"],
])("%s is a sentence", (words, said) => expect(sentence(words)).toBe(said));

describe("times", () => {
  const now = new Date(2026, 10, 23, 14, 0).getTime();
  const before = (ms: number) => new Date(now - ms).toISOString();
  const HOUR = 3_600_000;

  it.each([
    [1_000, "just now"],
    [20_000, "20 s ago"],
    [120_000, "2 min ago"],
    [5 * HOUR, "5 h ago"],
    [23 * HOUR, "23 h ago"],
    [30 * HOUR, "yesterday"],
  ])("%d ms ago is %s", (ms, words) => expect(ago(before(ms), now)).toBe(words));

  it("shows the date of older times, with the year if it differs", () => {
    expect(ago(new Date(2026, 10, 11).toISOString(), now)).toMatch(/11/);
    expect(ago(new Date(2025, 10, 11).toISOString(), now)).toMatch(/2025/);
  });

  it("tolerates a clock that is slightly behind", () =>
    expect(ago(before(-30_000), now)).toBe("just now"));

  it("shows UTC next to local time", () =>
    expect(exactly("2026-11-23T14:31:05.123Z")).toContain("2026-11-23 14:31:05 UTC"));

  it.each([
    [38, "38 s"],
    [120, "2 min"],
    [18_000, "5 h"],
    [41 * 86_400, "41 days"],
  ])("%d seconds are %s", (seconds, words) => expect(duration(seconds)).toBe(words));
});

it("shortens a digest to twelve characters without the algorithm", () =>
  expect(shortDigest(`sha256:${"62c66a7a5dd7".padEnd(64, "0")}`)).toBe("62c66a7a5dd7"));
