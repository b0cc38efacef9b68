import { useQueries, useQuery } from "@tanstack/react-query";
import { answer, api, type Schemas } from "./client";
import type { Problem } from "./problem";

type Preview = Schemas["ShownPreview"];

/** Dry runs of deletions, never cached: users confirm exactly what they see. */
function usePreview(key: unknown[], ask: () => Promise<Preview>, enabled: boolean) {
  return useQuery<Preview, Problem>({
    queryKey: ["preview", ...key],
    queryFn: ask,
    enabled,
    staleTime: 0,
    gcTime: 0,
  });
}

const askOfTags = (repo: string, tags: string[]) => () =>
  answer(api.POST("/api/tags/delete", { body: { repo, tags, dry_run: true } }));

export const useTagsPreview = (repo: string, tags: string[]) =>
  usePreview(["tags", repo, ...tags], askOfTags(repo, tags), tags.length > 0);

/** Previews of deleting each tag alone, in order. */
export const useEachTagsPreview = (repo: string, tags: string[]) =>
  useQueries({
    queries: tags.map((tag) => ({
      queryKey: ["preview", "tags", repo, tag],
      queryFn: askOfTags(repo, [tag]),
      gcTime: 0,
    })),
  });

export const useRepositoryPreview = (repo: string) =>
  usePreview(
    ["repository", repo],
    () => answer(api.DELETE("/api/repos", { params: { query: { repo, dry_run: true } } })),
    true,
  );

export const useImagePreview = (repo: string, digest: string) =>
  usePreview(
    ["image", repo, digest],
    () => answer(api.DELETE("/api/image", { params: { query: { repo, digest, dry_run: true } } })),
    true,
  );
