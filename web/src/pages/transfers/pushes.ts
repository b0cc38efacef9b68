import type { Transfer } from "../../api/live";

/** States of a transfer, most important first. */
export const STATES = [
  "failed",
  "uploading",
  "retrying",
  "verifying",
  "finishing",
  "waiting",
  "done",
] as const;
export type State = (typeof STATES)[number];

const rank = (state: State) => STATES.indexOf(state);

/** A transfer that waits for an automatic retry has not failed. */
export function stateOf({ state, attempt, bytes_done, bytes_total }: Transfer): State {
  switch (state) {
    case "failed":
      return "failed";
    case "done":
      return "done";
    case "running":
      if (bytes_total === 0) return "finishing";
      return bytes_done < bytes_total ? "uploading" : "verifying";
    case "pending":
      return attempt > 0 ? "retrying" : "waiting";
    default:
      return "waiting";
  }
}

/** A push with its known transfers. */
export type Push = {
  /** Stable key. */
  key: string;
  /** Id of its latest transfer, for sorting. */
  id: number;
  /** Most important first. */
  jobs: Transfer[];
  state: State;
  repo: string | null;
  /** `team/api:1.2`; undefined without a manifest. */
  name: string | null;
  pushedBy: string | null;
  removes: boolean;
  createdAt: string;
  finishedAt: string | null;
  blobsDone: number;
  blobsTotal: number;
  /** 0 to 1. */
  progress: number;
  /** Of all its blobs; undefined without blobs. */
  bytes: { done: number; total: number } | null;
  /** Bytes still to upload. */
  bytesLeft: number;
  rate: number;
  nextRetryAt: string | null;
  attempt: number;
};

const isBlob = (job: Transfer) => job.kind === "store_blob";
const sum = (numbers: number[]) => numbers.reduce((a, b) => a + b, 0);
const first = (times: (string | null | undefined)[]) =>
  times.filter((it) => it != null).sort()[0] ?? null;

/** The known blob transfers of a push. */
export function blobsOf(jobs: Transfer[]) {
  const manifests = manifestsOf(jobs);
  return jobs.filter((job) => isBlob(job) && !job.removes && !manifests.has(job.digest));
}

function pushOf(key: string, all: Transfer[]): Push {
  const jobs = [...all].sort((a, b) => rank(stateOf(a)) - rank(stateOf(b)) || a.id - b.id);
  const states = jobs.map(stateOf);
  const blobs = blobsOf(jobs);
  const counted = jobs.map(({ push }) => push);
  const name = counted.find((it) => it?.name)?.name ?? null;
  const stored = blobs.filter((job) => job.state === "done").length;
  const blobsDone = name ? Math.max(...counted.map((it) => it?.blobs_done ?? 0)) : stored;
  const blobsTotal = name ? Math.max(...counted.map((it) => it?.blobs_total ?? 0)) : blobs.length;
  const open = blobs.filter((job) => job.state !== "done");
  const total = sum(blobs.map((job) => job.bytes_total));
  // Finished bytes come with the push, running ones with the transfer.
  const known = name ? Math.max(...counted.map((it) => it?.bytes_total ?? 0)) : total;
  const before = name
    ? Math.max(...counted.map((it) => it?.bytes_stored ?? 0))
    : sum(blobs.map((job) => (job.state === "done" ? job.bytes_total : 0)));
  const sent = Math.min(known, before + sum(open.map((job) => job.bytes_done)));
  const state = states[0] ?? "done";
  return {
    key,
    id: Math.max(...jobs.map((job) => job.push_id)),
    jobs,
    state,
    repo: jobs.find(({ repo }) => repo)?.repo ?? null,
    name,
    pushedBy: counted.find((it) => it?.pushed_by)?.pushed_by ?? null,
    removes: jobs.every((job) => job.removes),
    createdAt: first(jobs.map((job) => job.created_at)) ?? "",
    finishedAt:
      state === "done"
        ? (jobs
            .map((job) => job.finished_at ?? "")
            .sort()
            .at(-1) ?? null)
        : null,
    blobsDone,
    blobsTotal,
    progress: state === "done" ? 1 : known > 0 ? sent / known : 0,
    bytes: known > 0 ? { done: state === "done" ? known : sent, total: known } : null,
    bytesLeft: known - sent,
    rate: sum(jobs.map((job) => (job.state === "running" ? (job.rate_bps ?? 0) : 0))),
    nextRetryAt: first(
      jobs.filter((job) => stateOf(job) === "retrying").map((job) => job.next_retry_at),
    ),
    attempt: Math.max(0, ...jobs.map((job) => (job.state === "done" ? 0 : job.attempt))),
  };
}

/** Blobs precede their manifest: until then, group them by repository. */
const keyOf = ({ push, push_id, repo, removes, state }: Transfer) =>
  push?.name ? `push ${push_id}` : `${removes ? "removal" : ""} ${repo ?? ""} ${state === "done"}`;

/**
 * Groups transfers by push. An unchanged push keeps its identity, so its row is not rendered again.
 */
export function pushesOf(jobs: Iterable<Transfer>, before: readonly Push[] = []): Push[] {
  const groups = new Map<string, Transfer[]>();
  for (const job of jobs) {
    const key = keyOf(job);
    const group = groups.get(key);
    if (group) group.push(job);
    else groups.set(key, [job]);
  }
  const known = new Map(before.map((push) => [push.key, push]));
  return [...groups].map(([key, group]) => {
    const old = known.get(key);
    if (old?.jobs.length !== group.length) return pushOf(key, group);
    const were = new Set(old.jobs);
    return group.every((job) => were.has(job)) ? old : pushOf(key, group);
  });
}

/** Order: failed, running, waiting, done. Newest first, but waiting transfers by queue position. */
export function byUrgency(a: Push, b: Push) {
  const newest = b.id - a.id;
  return rank(a.state) - rank(b.state) || (a.state === "waiting" ? -newest : newest);
}

/** Merges a list with later events. */
export function merge(
  listed: readonly Transfer[],
  live: ReadonlyMap<number, Transfer>,
  isIncluded: (job: Transfer) => boolean,
  /** Include transfers that are only known from events. */
  more: boolean,
): Transfer[] {
  const here = new Set(listed.map((job) => job.id));
  const merged = listed.map((job) => live.get(job.id) ?? job);
  if (more) for (const job of live.values()) if (!here.has(job.id)) merged.push(job);
  return merged.filter(isIncluded);
}

/** Relevant transfers: hides layer links and manifest links unless they failed. */
export function worthARow(jobs: Transfer[]): Transfer[] {
  const stored = new Set(jobs.filter(isBlob).map(({ digest }) => digest));
  return jobs.filter((job) => {
    if (job.removes || job.error) return true;
    if (job.kind === "publish_manifest") return !stored.has(job.digest);
    return job.kind !== "link_blob";
  });
}

/** Digests known to be manifests. */
export const manifestsOf = (jobs: Transfer[]) =>
  new Set(jobs.filter(({ kind }) => kind === "publish_manifest").map(({ digest }) => digest));

/** Distributes at most `most` rows over the open pushes, first come first served. */
export function shareRows(counts: number[], most: number): number[] {
  let left = most;
  return counts.map((rows) => {
    const share = Math.min(rows, left);
    left -= share;
    return share;
  });
}

/** Distinct errors of a push. */
export type Trouble = { error: NonNullable<Transfer["error"]>; jobs: Transfer[]; failed: boolean };

export function troublesOf({ jobs }: Push): Trouble[] {
  const troubles = new Map<string, Trouble>();
  for (const job of jobs) {
    const state = stateOf(job);
    if (!job.error || (state !== "failed" && state !== "retrying")) continue;
    const key = `${state} ${job.error.code} ${job.error.message}`;
    const known = troubles.get(key);
    if (known) known.jobs.push(job);
    else troubles.set(key, { error: job.error, jobs: [job], failed: state === "failed" });
  }
  return [...troubles.values()];
}
