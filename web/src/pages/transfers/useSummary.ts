import { useGet } from "../../api/query";

/** Summary of running transfers and speed. */
export const useSummary = () => useGet("/api/jobs/summary", undefined, { refetchInterval: 5_000 });
