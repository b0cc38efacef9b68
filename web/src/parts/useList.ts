import { useSearchParams } from "wouter";
import type { Order } from "./Table";

/** Rows of a page: one screen's worth, and never more than 100. */
const LIMIT = 50;

/**
 * What a list is asked for, kept in the page's address, so that Back, a
 * reload and a copied link show the same rows.
 */
export function useList(usual: { sort?: string; order?: Order } = {}) {
  const [params, setParams] = useSearchParams();
  const q = params.get("q") ?? "";
  const sort = params.get("sort") ?? usual.sort;
  const order = (params.get("order") as Order | null) ?? usual.order ?? "asc";
  const cursor = params.get("cursor") ?? undefined;

  /** Changes what is asked for; the page that was shown means nothing then. */
  const ask = (changes: Record<string, string | undefined>) =>
    setParams(
      (old) => {
        const next = new URLSearchParams(old);
        next.delete("cursor");
        for (const [name, value] of Object.entries(changes)) {
          if (value) next.set(name, value);
          else next.delete(name);
        }
        return next;
      },
      { replace: !("cursor" in changes) },
    );

  return {
    q,
    sort,
    order,
    param: (name: string) => params.get(name) ?? "",
    ask,
    filter: (words: string) => ask({ q: words }),
    /** The order of a column's head: by it, or the other way round. */
    orderOf: (column: string): Order | null => (column === sort ? order : null),
    sortBy: (column: string, first: Order = "asc") => {
      const other = order === "asc" ? "desc" : "asc";
      ask({ sort: column, order: column === sort ? other : first });
    },
    turn: (to: string | null | undefined) => ask({ cursor: to ?? undefined }),
    /** For the API. */
    query: { q: q || undefined, order, limit: LIMIT, cursor },
  };
}

export type List = ReturnType<typeof useList>;
