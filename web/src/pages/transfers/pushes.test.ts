import { describe, expect, it } from "vitest";
import type { Transfer } from "../../api/live";
import { byUrgency, merge, pushesOf, shareRows, stateOf, troublesOf, worthARow } from "./pushes";

/** Push data that each transfer includes. */
const told = (is: Partial<NonNullable<Transfer["push"]>> = {}) => ({
  name: "team/api:1",
  blobs_done: 0,
  blobs_total: 2,
  bytes_stored: 0,
  bytes_total: 200,
  ...is,
});
let id = 0;
const job = (is: Partial<Transfer> = {}): Transfer => {
  id += 1;
  return {
    id,
    push_id: 1,
    push: told(),
    kind: "store_blob",
    removes: false,
    repo: "team/api",
    digest: `sha256:${id}`,
    state: "waiting",
    bytes_done: 0,
    bytes_total: 100,
    attempt: 0,
    created_at: "2026-11-23T10:00:00Z",
    ...is,
  };
};
const one = (...jobs: Transfer[]) => {
  const [push] = pushesOf(jobs);
  if (!push) throw new Error("no push");
  return push;
};
const error = { code: "connection", message: "It broke off.", hint: null };

describe("states", () => {
  it.each([
    [{ state: "pending" }, "waiting"],
    [{ state: "waiting" }, "waiting"],
    [{ state: "pending", attempt: 2, error }, "retrying"],
    [{ state: "failed", attempt: 6, error }, "failed"],
    [{ state: "running", bytes_done: 40 }, "uploading"],
    [{ state: "running", bytes_done: 100 }, "verifying"],
    [{ state: "running", bytes_total: 0 }, "finishing"],
    [{ state: "done" }, "done"],
  ])("%j is %s", (is, state) => expect(stateOf(job(is))).toBe(state));

  it("a push has the state of its most urgent transfer", () => {
    expect(one(job({ state: "done" }), job({ state: "running", bytes_done: 5 })).state).toBe(
      "uploading",
    );
    expect(one(job({ state: "running" }), job({ state: "failed" })).state).toBe("failed");
    expect(one(job({ state: "done" }), job()).state).toBe("waiting");
  });
});

describe("pushes", () => {
  it("count stored and remaining blobs", () => {
    const of = told({ blobs_done: 1, bytes_stored: 100 });
    const push = one(
      job({ state: "done", bytes_done: 0, push: of }),
      job({ state: "running", bytes_done: 50 }),
    );
    expect(push.bytes).toEqual({ done: 150, total: 200 });
    expect(push.progress).toBe(0.75);
    expect(push.bytesLeft).toBe(50);
  });

  it("count bytes that were stored earlier", () => {
    const of = told({
      pushed_by: "heron",
      blobs_done: 4,
      blobs_total: 5,
      bytes_stored: 40,
      bytes_total: 140,
    });
    const push = one(job({ push: of, state: "running", bytes_done: 30 }));
    expect(push.pushedBy).toBe("heron");
    expect(push.bytes).toEqual({ done: 70, total: 140 });
    expect(push.progress).toBe(0.5);
    expect([push.blobsDone, push.blobsTotal]).toEqual([4, 5]);
    expect(push.bytesLeft).toBe(70);
  });

  it("never exceed the total", () => {
    const of = told({ blobs_done: 1, blobs_total: 1, bytes_stored: 100, bytes_total: 100 });
    const push = one(job({ push: of, state: "running", bytes_done: 100 }));
    expect(push.bytes).toEqual({ done: 100, total: 100 });
  });

  it("do not count a manifest as a blob", () => {
    const digest = "sha256:m";
    const manifest = job({ digest, bytes_total: 7 });
    const push = one(
      job(),
      job(),
      manifest,
      job({ kind: "publish_manifest", digest, bytes_total: 0 }),
    );
    expect(push.bytes?.total).toBe(200);
  });

  it("keep their identity while unchanged", () => {
    const still = job({ push_id: 1 });
    const moving = job({ push_id: 2, state: "running" });
    const before = pushesOf([still, moving]);
    const after = pushesOf([{ ...moving, bytes_done: 9 }, still], before);
    const of = (list: typeof before, push: number) => list.find((it) => it.id === push);
    expect(of(after, 1)).toBe(of(before, 1));
    expect(of(after, 2)).not.toBe(of(before, 2));
  });

  it("group blobs of a repository that no manifest references yet", () => {
    const push = told({ name: null, blobs_total: 1, bytes_total: 100 });
    const blobs = [job({ push, push_id: 1 }), job({ push, push_id: 2, state: "running" })];
    const other = job({ push, push_id: 3, repo: "team/web" });
    const [first, second] = pushesOf([...blobs, other]);
    expect([first?.id, first?.blobsDone, first?.blobsTotal]).toEqual([2, 0, 2]);
    expect(second?.repo).toBe("team/web");
  });

  it("list failures first", () => {
    const jobs = ["done", "waiting", "running", "failed"].map((state, push_id) =>
      job({ state, push_id }),
    );
    expect(
      pushesOf(jobs)
        .sort(byUrgency)
        .map((push) => push.state),
    ).toEqual(["failed", "uploading", "waiting", "done"]);
  });

  it("list each error once, and no resolved ones", () => {
    const push = one(
      job({ state: "failed", attempt: 6, error }),
      job({ state: "failed", attempt: 6, error }),
      job({ state: "pending", attempt: 1, error }),
      job({ state: "done", attempt: 1, error }),
    );
    expect(troublesOf(push).map(({ jobs, failed }) => [jobs.length, failed])).toEqual([
      [2, true],
      [1, false],
    ]);
  });
});

it("merges events into the list", () => {
  const [a, b, c] = [job(), job(), job()] as [Transfer, Transfer, Transfer];
  const live = new Map([a, c].map((it) => [it.id, { ...it, state: "done" }]));
  const states = (more: boolean) =>
    merge([a, b], live, () => true, more).map(({ id, state }) => [id, state]);
  expect(states(false)).toEqual([
    [a.id, "done"],
    [b.id, "waiting"],
  ]);
  expect(states(true)).toHaveLength(3);
  expect(merge([a, b], live, ({ state }) => state !== "done", true)).toEqual([b]);
});

it("never shows more rows than the limit", () => {
  expect(shareRows([3, 10, 4], 15)).toEqual([3, 10, 2]);
  expect(shareRows([200, 5], 60)).toEqual([60, 0]);
});

it("hides links unless they failed", () => {
  const digest = "sha256:m";
  const blob = job();
  const manifest = job({ digest });
  const wrong = job({ kind: "link_blob", error });
  const jobs = [
    blob,
    job({ kind: "link_blob" }),
    manifest,
    job({ kind: "publish_manifest", digest }),
    wrong,
  ];
  expect(worthARow(jobs)).toEqual([blob, manifest, wrong]);
});
