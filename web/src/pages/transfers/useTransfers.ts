import { useQuery } from "@tanstack/react-query";
import { useEffect, useMemo, useRef } from "react";
import { type Got, get } from "../../api/client";
import { type Transfer, useLive } from "../../api/live";
import type { Problem } from "../../api/problem";
import type { List } from "../../parts/useList";
import { byUrgency, merge, type Push, pushesOf } from "./pushes";

type Page = Got<"/api/jobs">;

/** Page size per state. */
const EACH = 100;
/** Unfinished states in the API. */
export const OPEN = ["failed", "running", "pending", "waiting"] as const;
export type ApiState = (typeof OPEN)[number] | "done";
const isState = (word: string): word is ApiState => [...OPEN, "done"].includes(word);

/** Query from the URL; without a state, all unfinished transfers. */
export function asked(list: List) {
  const state = list.param("state");
  return { state: isState(state) ? state : null, repo: list.param("repo") };
}

/** Live transfers, grouped by push. */
export function useTransfers(list: List) {
  const { state, repo } = asked(list);
  const { q, cursor } = list.query;
  const query = useQuery<Page, Problem>({
    queryKey: ["/api/jobs", { state, repo, q, cursor }],
    queryFn: async ({ signal }) => {
      const page = (of: ApiState) => {
        const query = { state: of, repo: repo || undefined, q, cursor, limit: EACH };
        return get("/api/jobs", { params: { query } }, signal);
      };
      if (state) return page(state);
      const pages = await Promise.all(OPEN.map(page));
      return {
        items: pages.flatMap(({ items }) => items),
        total: pages.reduce((sum, { total }) => sum + total, 0),
      };
    },
  });
  const { jobs } = useLive();
  const before = useRef<Push[]>([]);
  /** Transfers seen running, so that their end is shown too. */
  const seen = useRef(new Set<string>());
  const listed = query.data?.items;
  const all = useMemo(() => {
    if (!listed) return [];
    const isAsked = (job: Transfer) =>
      (!repo || job.repo === repo) && (!q || `${job.repo ?? ""}:${job.tag ?? ""}`.includes(q));
    return pushesOf(merge(listed, jobs, isAsked, !cursor), before.current);
  }, [listed, jobs, repo, q, cursor]);
  useEffect(() => {
    before.current = all;
    for (const { key, state } of all) if (state !== "done") seen.current.add(key);
  }, [all]);
  const pushes = useMemo(() => {
    const isShown = (push: Push) => {
      if (!state) return push.state !== "done" || seen.current.has(push.key);
      if (state === "done") return push.state === "done";
      return push.jobs.some((job) => job.state === state);
    };
    return all.filter(isShown).sort(byUrgency);
  }, [all, state]);
  // Events are newer than the list.
  const ended = listed?.filter(({ id }) => jobs.get(id)?.state === "done").length ?? 0;
  return { query, pushes, total: (query.data?.total ?? 0) - (state ? 0 : ended) };
}
