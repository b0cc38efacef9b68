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
      // What the registry refuses, it refuses again.
      retry: (failures, error) => failures < 1 && asProblem(error).offline,
      retryDelay: 1_000,
      placeholderData: keepPreviousData,
    },
    mutations: { retry: false },
  },
});

type Options<T> = {
  /** Whether to ask at all. */
  enabled?: boolean;
  /** Milliseconds after which it is asked again, as long as what is there needs it. */
  refetchInterval?: number | ((query: { state: { data?: T } }) => number | false);
  /** What was there is no stand-in for what is asked for now. */
  fresh?: boolean;
};

/** What `GET` of a path answers, kept and renewed. */
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

/** Reads again whatever of these paths is shown. */
export function renew(...changed: GetPath[]) {
  return queries.invalidateQueries({
    predicate: ({ queryKey }) => changed.includes(queryKey[0] as GetPath),
  });
}
