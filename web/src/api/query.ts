import { keepPreviousData, QueryClient, useQuery } from "@tanstack/react-query";
import { type GetInit, type GetPath, type Got, get } from "./client";
import { asProblem, type Problem } from "./problem";

declare module "@tanstack/react-query" {
  interface Register {
    defaultError: Problem;
  }
}

export const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 5_000,
      // Do not retry refused requests.
      retry: (failures, error) => failures < 1 && asProblem(error).offline,
      retryDelay: 1_000,
      placeholderData: keepPreviousData,
    },
    mutations: { retry: false },
  },
});

type Options<T> = {
  /** Whether the query runs at all. */
  enabled?: boolean;
  /** Refetch interval in milliseconds, depending on the current data. */
  refetchInterval?: number | ((query: { state: { data?: T } }) => number | false);
  /** Do not show previous data as a placeholder. */
  fresh?: boolean;
};

/** Queries a path with `GET`, cached and refetched. */
export function useGet<P extends GetPath>(
  path: P,
  init?: GetInit<P>,
  options: Options<Got<P>> = {},
) {
  const { fresh, ...rest } = options;
  return useQuery<Got<P>, Problem>({
    queryKey: [path, init ?? null],
    queryFn: ({ signal }) => get(path, init, signal),
    ...(fresh ? { placeholderData: undefined } : {}),
    ...rest,
  });
}

/** Invalidates all queries of these paths. */
export function renew(...changed: GetPath[]) {
  return queries.invalidateQueries({
    predicate: ({ queryKey }) => changed.includes(queryKey[0] as GetPath),
  });
}
