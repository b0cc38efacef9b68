import type { Schemas } from "../../api/client";

type Day = Schemas["Day"];
type Forecast = Schemas["Forecast"];

const DAY = 86_400_000;
/** Maximum number of grid lines, including the baseline. */
const TICKS_MAX = 5;
/** A higher capacity would flatten the line. */
const CAPACITY_MAX = 6;
/** Share of the width for the forecast. */
const AHEAD = 0.5;

export type Point = { day: string; value: number; x: number; y: number };
/** Coordinates are fractions of width and height; y from the top. */
export type Chart = {
  points: Point[];
  ticks: { value: number; y: number }[];
  dates: { day: string; x: number; is: "past" | "today" | "full" }[];
  capacity: { value: number; y: number } | null;
  /** The forecast, as far as visible. */
  guess: { x: number; y: number } | null;
};

const time = (day: string) => Date.parse(`${day}T00:00:00Z`);
const dayOf = (at: number) => new Date(at).toISOString().slice(0, 10);

/** Used space as reported by the storage if complete, else our own bytes, as in the forecast. */
export function series(days: readonly Day[]) {
  const told = days.every((day) => day.capacity_used != null);
  return days.map((day) => ({
    day: day.day,
    value: (told ? day.capacity_used : day.unique) ?? day.unique,
  }));
}

/** Round numbers from 0 to at least this one. */
export function ticksTo(most: number): number[] {
  const rough = Math.max(most, 1) / (TICKS_MAX - 1);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 2.5, 5, 10].find((it) => it * power >= rough) ?? 10) * power;
  const count = Math.ceil(most / step - 1e-9);
  return Array.from({ length: Math.max(1, count) + 1 }, (_, at) => at * step);
}

/** A chart of at least two days. */
export function chartOf(days: readonly Day[], forecast: Forecast): Chart {
  const values = series(days);
  const [from, to] = [time(days[0]?.day ?? ""), time(days.at(-1)?.day ?? "")];
  const last = values.at(-1)?.value ?? 0;
  const perDay = forecast.bytes_per_day ?? null;
  const full = forecast.full_on ? time(forecast.full_on) : null;
  // The forecast takes at most half the width of the history.
  const most = to + (to - from) * AHEAD;
  const end = perDay === null || perDay === 0 ? to : full ? Math.min(full + 3 * DAY, most) : most;
  const guessAt = full ? Math.min(full, end) : end;
  const guessed = perDay === null ? last : Math.max(0, last + (perDay * (guessAt - to)) / DAY);

  const highest = Math.max(...values.map(({ value }) => value), guessed, 1);
  const total = days.at(-1)?.capacity_total ?? null;
  const shown = total !== null && total <= highest * CAPACITY_MAX ? total : null;
  const ticks = ticksTo(Math.max(highest, shown ?? 0));
  const top = (ticks.at(-1) ?? 1) * 1.06;
  const x = (at: number) => (at - from) / (end - from);
  const y = (value: number) => 1 - value / top;

  const dates: Chart["dates"] = [0, 1 / 3, 2 / 3].map((part) => {
    const at = Math.round((from + (to - from) * part) / DAY) * DAY;
    return { day: dayOf(at), x: x(at), is: "past" };
  });
  dates.push({ day: dayOf(to), x: x(to), is: "today" });
  if (full && full < end && x(full) - x(to) > 0.1) {
    dates.push({ day: dayOf(full), x: x(full), is: "full" });
  }
  return {
    points: values.map(({ day, value }) => ({ day, value, x: x(time(day)), y: y(value) })),
    ticks: ticks.map((value) => ({ value, y: y(value) })),
    // Few days cause duplicates.
    dates: dates.filter(({ day }, at) => dates.findIndex((other) => other.day === day) === at),
    capacity: shown === null ? null : { value: shown, y: y(shown) },
    guess: end > to ? { x: x(guessAt), y: y(guessed) } : null,
  };
}

/** The nearest point to a position. */
export function nearest(points: readonly Point[], x: number): Point | undefined {
  return points.reduce<Point | undefined>(
    (best, point) => (best && Math.abs(best.x - x) <= Math.abs(point.x - x) ? best : point),
    undefined,
  );
}
