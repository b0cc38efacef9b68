import { useSyncExternalStore } from "react";

/** One clock for all that look at it; it stands while nobody does. */
function clock(period: number) {
  let now = Date.now();
  let timer: ReturnType<typeof setInterval> | undefined;
  const watching = new Set<() => void>();

  function watch(changed: () => void) {
    watching.add(changed);
    timer ??= setInterval(() => {
      now = Date.now();
      for (const tell of watching) tell();
    }, period);
    return () => {
      watching.delete(changed);
      if (watching.size > 0) return;
      clearInterval(timer);
      timer = undefined;
    };
  }

  return () => {
    // What was drawn at a time must not be drawn with one that is older.
    if (timer === undefined) now = Date.now();
    return Math.max(
      useSyncExternalStore(watch, () => now),
      Date.now() - period,
    );
  };
}

/** The time, to a quarter of a minute; milliseconds since 1970. For all that
 * says how long ago something was. */
export const useNow = clock(15_000);

/** The time, to a second: for what counts down. */
export const useSecond = clock(1_000);
