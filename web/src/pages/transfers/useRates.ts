import { useEffect, useState } from "react";
import type { Got } from "../../api/client";

/** Number of samples in the chart. */
const RATES_MAX = 24;

/** Upload speeds since the page was opened, latest last. */
export function useRates(now: Got<"/api/jobs/summary"> | undefined, at: number) {
  const [rates, setRates] = useState<number[]>([]);
  useEffect(() => {
    if (now && at > 0) setRates((old) => [...old, now.rate_bps].slice(-RATES_MAX));
  }, [now, at]);
  return rates;
}
