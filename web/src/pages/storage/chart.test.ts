import { describe, expect, it } from "vitest";
import { chartOf, nearest, series, ticksTo } from "./chart";

const day = (at: number, used: number, is = {}) => ({
  day: new Date(Date.UTC(2026, 7, 1 + at)).toISOString().slice(0, 10),
  unique: used,
  logical: used * 2,
  blobs: 1,
  ...is,
});
const none = { words: "not enough data" };
const days = Array.from({ length: 31 }, (_, at) => day(at, 100 + at * 10));

describe("ticks", () => {
  it.each([
    [1_000, [0, 250, 500, 750, 1_000]],
    [684, [0, 200, 400, 600, 800]],
    [70e6, [0, 20e6, 40e6, 60e6, 80e6]],
    [0, [0, 0.25]],
  ])("are round up to %d", (most, ticks) => expect(ticksTo(most)).toEqual(ticks));

  it("are valid", () => {
    for (const most of [1, 3, 7, 99, 101, 12_345, 9.99e11]) {
      const ticks = ticksTo(most);
      expect(ticks.at(-1)).toBeGreaterThanOrEqual(most);
      expect(ticks.length).toBeLessThanOrEqual(5);
    }
  });
});

describe("a chart", () => {
  it("keeps the width of missing days", () => {
    const { points } = chartOf([day(0, 1), day(1, 1), day(10, 1)], none);
    expect(points.map(({ x }) => x)).toEqual([0, 0.1, 1]);
  });

  it("extends to the day on which the storage is full", () => {
    const forecast = { words: "", bytes_per_day: 10, days_left: 10, full_on: day(40, 0).day };
    const chart = chartOf(
      days.map((it) => ({ ...it, capacity_used: it.unique, capacity_total: 500 })),
      forecast,
    );
    expect(chart.capacity?.value).toBe(500);
    expect(chart.guess?.y).toBeCloseTo(chart.capacity?.y ?? 0);
    expect(chart.dates.map(({ is }) => is)).toEqual(["past", "past", "past", "today", "full"]);
    expect(chart.guess?.x).toBeLessThan(1);
  });

  it("limits the forecast to half of the history", () => {
    const forecast = { words: "", bytes_per_day: 10, days_left: 900, full_on: "2029-02-01" };
    const chart = chartOf(days, forecast);
    expect(chart.points.at(-1)?.x).toBeCloseTo(1 / 1.5);
    expect(chart.guess?.x).toBe(1);
    expect(chart.dates.at(-1)?.is).toBe("today");
  });

  it("ends today without a forecast and hides a much higher capacity", () => {
    const chart = chartOf(
      days.map((it) => ({ ...it, capacity_used: it.unique, capacity_total: 1e9 })),
      none,
    );
    expect([chart.guess, chart.capacity]).toEqual([null, null]);
    expect(chart.points.at(-1)?.x).toBe(1);
  });

  it("stays at zero if everything is empty", () => {
    const chart = chartOf([day(0, 0), day(1, 0)], none);
    expect(chart.points.map(({ y }) => y)).toEqual([1, 1]);
  });

  it("uses the storage's numbers only if every day has them", () => {
    const with_ = { capacity_used: 7 };
    expect(series([day(0, 1, with_), day(1, 2, with_)]).map(({ value }) => value)).toEqual([7, 7]);
    expect(series([day(0, 1), day(1, 2, with_)]).map(({ value }) => value)).toEqual([1, 2]);
  });
});

it("finds the day under the pointer", () => {
  const { points } = chartOf(days, none);
  expect(nearest(points, 0.49)?.day).toBe("2026-08-16");
  expect(nearest([], 0.5)).toBeUndefined();
});
