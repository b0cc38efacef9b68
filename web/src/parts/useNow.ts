import { useSyncExternalStore } from "react";

/** One clock for all that says how long ago something was. */
const PERIOD = 15_000;

let now = Date.now();
let timer: ReturnType<typeof setInterval> | undefined;
const watching = new Set<() => void>();

function watch(changed: () => void) {
  watching.add(changed);
  timer ??= setInterval(() => {
    now = Date.now();
    for (const tell of watching) tell();
  }, PERIOD);
  return () => {
    watching.delete(changed);
    if (watching.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };
}

/** The time, to a quarter of a minute; milliseconds since 1970. */
export function useNow() {
  // What was drawn at a time must not be drawn with one that is older.
  if (timer === undefined) now = Date.now();
  return Math.max(
    useSyncExternalStore(watch, () => now),
    Date.now() - PERIOD,
  );
}
