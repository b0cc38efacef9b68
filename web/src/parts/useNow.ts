import { useSyncExternalStore } from "react";

/** A shared clock that stops without subscribers. */
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
    // Time must not go backwards between renders.
    if (timer === undefined) now = Date.now();
    return Math.max(
      useSyncExternalStore(watch, () => now),
      Date.now() - period,
    );
  };
}

/** The time in milliseconds since 1970, updated every 15 seconds. For relative times. */
export const useNow = clock(15_000);

/** The time, updated every second. For countdowns. */
export const useSecond = clock(1_000);
