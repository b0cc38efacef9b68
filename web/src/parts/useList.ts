import { useSearchParams } from "wouter";
import type { Order } from "./Table";

/** Rows per page, at most 100. */
const LIMIT = 50;

type Usual = {
  sort?: string;
  order?: Order;
  /** Prefix of the URL parameters, for pages with several lists. */
  name?: string;
};

/**
 * State of a list, kept in the URL, so that Back, a reload and a copied link show the same rows.
 */
export function useList(usual: Usual = {}) {
  const [params, setParams] = useSearchParams();
  const named = (word: string) => (usual.name ? `${usual.name}-${word}` : word);
  const param = (word: string) => params.get(named(word));
  const q = param("q") ?? "";
  const sort = param("sort") ?? usual.sort;
  const order = (param("order") as Order | null) ?? usual.order ?? "asc";
  const cursor = param("cursor") ?? undefined;

  /** Changes the query and returns to the first page. */
  const ask = (changes: Record<string, string | undefined>) =>
    setParams(
      (old) => {
        const next = new URLSearchParams(old);
        next.delete(named("cursor"));
        for (const [word, value] of Object.entries(changes)) {
          if (value) next.set(named(word), value);
          else next.delete(named(word));
        }
        return next;
      },
      { replace: !("cursor" in changes) },
    );

  return {
    q,
    sort,
    order,
    param: (word: string) => param(word) ?? "",
    ask,
    filter: (words: string) => ask({ q: words }),
    /** Toggles the order of a column. */
    orderOf: (column: string): Order | null => (column === sort ? order : null),
    sortBy: (column: string, first: Order = "asc") => {
      const other = order === "asc" ? "desc" : "asc";
      ask({ sort: column, order: column === sort ? other : first });
    },
    turn: (to: string | null | undefined) => ask({ cursor: to ?? undefined }),
    /** Query parameters for the API. */
    query: { q: q || undefined, order, limit: LIMIT, cursor },
  };
}

export type List = ReturnType<typeof useList>;
