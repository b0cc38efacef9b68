import { useGet } from "../../api/query";

/** How much is on its way, and how fast. */
export const useSummary = () => useGet("/api/jobs/summary", undefined, { refetchInterval: 5_000 });
