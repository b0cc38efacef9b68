import { useEffect, useState } from "react";
import type { Got } from "../../api/client";

/** Speeds that are drawn. */
const RATES_MAX = 24;

/** The speeds since the page was opened, the latest last. */
export function useRates(now: Got<"/api/jobs/summary"> | undefined, at: number) {
  const [rates, setRates] = useState<number[]>([]);
  useEffect(() => {
    if (now && at > 0) setRates((old) => [...old, now.rate_bps].slice(-RATES_MAX));
  }, [now, at]);
  return rates;
}
