/** Formats numbers, sizes and times in the browser's language. */

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const whole = new Intl.NumberFormat();
const short = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });

const UNITS = ["B", "kB", "MB", "GB", "TB", "PB"];

export const count = (n: number) => whole.format(n);

/** Turns a message of a program into a sentence: `no route` becomes `No route.` */
export const sentence = (words: string) =>
  words
    .replace(/^\p{Ll}(?=\p{L}* )/u, (first) => first.toLocaleUpperCase())
    .replace(/[\p{L}\p{N})"]$/u, "$&.");

/** `1 tag`, `48 tags`. */
export const counted = (n: number, one: string, many = `${one}s`) =>
  `${whole.format(n)} ${n === 1 ? one : many}`;

function unitOf(bytes: number) {
  let unit = 0;
  // 999.9 kB would be printed as 1,000 kB.
  for (let left = Math.abs(bytes); left >= 999.5 && unit < UNITS.length - 1; left /= 1000)
    unit += 1;
  return unit;
}

function inUnit(bytes: number, unit: number) {
  const value = bytes / 1000 ** unit;
  return unit === 0 || value >= 99.95 ? whole.format(Math.round(value)) : short.format(value);
}

/** `488 MB`: decimal units, as disks and `docker images` use them. */
export function bytes(n: number) {
  const unit = unitOf(n);
  return `${inUnit(n, unit)} ${UNITS[unit]}`;
}

/** `222 of 358 MB`: both in the unit of the total. */
export function bytesOf(done: number, total: number) {
  const unit = unitOf(total);
  return `${inUnit(done, unit)} of ${inUnit(total, unit)} ${UNITS[unit]}`;
}

export const rate = (bytesPerSecond: number) => `${bytes(bytesPerSecond)}/s`;

/** A percentage, never rounded up to 100. */
export function percent(part: number, total: number) {
  if (total <= 0) return 0;
  return part >= total ? 100 : Math.min(99, Math.floor((part / total) * 100));
}

/** `38 s`, `2 min`, `5 h`, `41 days`. */
export function duration(seconds: number) {
  const ms = seconds * SECOND;
  if (ms < 100 * SECOND) return `${Math.max(0, Math.round(seconds))} s`;
  if (ms < 100 * MINUTE) return `${Math.round(ms / MINUTE)} min`;
  if (ms < 2 * DAY) return `${Math.round(ms / HOUR)} h`;
  return counted(Math.round(ms / DAY), "day");
}

const dayAndMonth = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const withYear = new Intl.DateTimeFormat(undefined, {
  day: "numeric",
  month: "short",
  year: "numeric",
});
const utcDay = new Intl.DateTimeFormat(undefined, {
  day: "numeric",
  month: "short",
  timeZone: "UTC",
});
const full = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });

export const timeOfDay = (at: number | Date) => clock.format(at);
/** `20 Nov` for a UTC day such as `2026-11-20`. */
export const shortDate = (day: string) => utcDay.format(new Date(day));
export const date = (at: string) => withYear.format(new Date(at));

/** `2 min ago`, `yesterday`, `20 Nov`. */
export function ago(at: string, now: number) {
  const then = new Date(at);
  const past = now - then.getTime();
  // Tolerate a clock that is slightly behind.
  if (past < -MINUTE) return withYear.format(then);
  if (past < 5 * SECOND) return "just now";
  if (past < DAY) return `${duration(past / SECOND)} ago`;
  const midnight = new Date(now).setHours(0, 0, 0, 0);
  if (then.getTime() >= midnight - DAY) return "yesterday";
  const sameYear = then.getFullYear() === new Date(now).getFullYear();
  return (sameYear ? dayAndMonth : withYear).format(then);
}

const soon = new Intl.DateTimeFormat(undefined, {
  day: "numeric",
  month: "short",
  hour: "numeric",
  minute: "2-digit",
});
/** `30 Nov, 06:14`, for times a few days away. */
export const dayAndTime = (at: string) => soon.format(new Date(at));

/** Local time and UTC, for a tooltip. */
export function exactly(at: string) {
  const then = new Date(at);
  const utc = then
    .toISOString()
    .replace("T", " ")
    .replace(/\.\d+Z$/, " UTC");
  return `${full.format(then)} (${utc})`;
}

/** `sha256:62c66a7a5dd7…` without its algorithm: `62c66a7a5dd7`. */
export function shortDigest(digest: string) {
  return (digest.split(":")[1] ?? digest).slice(0, 12);
}
