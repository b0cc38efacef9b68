import { act, cleanup, render } from "@testing-library/react";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { Transfer } from "./live";

class FakeStream extends EventTarget {
  static readonly CLOSED = 2;
  static all: FakeStream[] = [];
  readyState = 0;
  constructor(readonly url: string) {
    super();
    FakeStream.all.push(this);
  }
  close() {
    this.readyState = FakeStream.CLOSED;
  }
  tell(name: string, data: unknown = {}) {
    this.dispatchEvent(new MessageEvent(name, { data: JSON.stringify(data) }));
  }
}
const streams = () => FakeStream.all.filter((it) => it.readyState !== FakeStream.CLOSED);
const newest = () => FakeStream.all.at(-1) as FakeStream;

const job = (id: number, state = "running", bytes_done = 0) =>
  ({ id, push_id: id, state, bytes_done, bytes_total: 100, kind: "store_blob" }) as Transfer;
const health = { state: "up", since: "", uploader_runs: true };

/** A page that shows transfers, in its frame. */
async function page() {
  const { useLive, useConnection } = await import("./live");
  const drawn = { shell: 0, jobs: 0 };
  const Shell = () => {
    drawn.shell += 1;
    return <p>{useConnection().state}</p>;
  };
  const Jobs = () => {
    const { jobs } = useLive();
    drawn.jobs += 1;
    return <b>{[...jobs.values()].map(({ id, state }) => `${id} ${state}`).join(", ")}</b>;
  };
  return { Shell, Jobs, drawn };
}

beforeEach(() => {
  vi.resetModules();
  vi.useFakeTimers();
  vi.stubGlobal("EventSource", FakeStream);
  vi.stubGlobal("fetch", () => Promise.reject(new Error("offline")));
  FakeStream.all = [];
});
afterEach(() => {
  cleanup();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

it("shares one stream, closed without subscribers", async () => {
  const { Shell, Jobs } = await page();
  const first = render(<Shell />);
  const second = render(<Jobs />);
  expect(streams()).toHaveLength(1);
  first.unmount();
  expect(streams()).toHaveLength(1);
  second.unmount();
  expect(streams()).toHaveLength(0);
});

it("batches events and renders only subscribers of transfers", async () => {
  const { Shell, Jobs, drawn } = await page();
  const { container } = render(
    <>
      <Shell />
      <Jobs />
    </>,
  );
  act(() => newest().tell("open"));
  act(() => newest().tell("snapshot", { jobs: [job(1)], health }));
  act(() => vi.advanceTimersByTime(300));
  const before = { ...drawn };
  act(() => {
    for (let done = 1; done <= 50; done += 1) newest().tell("job", job(1, "running", done));
    newest().tell("job", job(2, "done"));
  });
  expect(drawn).toEqual(before);
  act(() => vi.advanceTimersByTime(300));
  expect(drawn).toEqual({ shell: before.shell, jobs: before.jobs + 1 });
  expect(container.textContent).toBe("live1 running, 2 done");
});

it("keeps events without subscribers of transfers", async () => {
  const { Shell, Jobs } = await page();
  render(<Shell />);
  act(() => newest().tell("snapshot", { jobs: [job(1)], health }));
  act(() => newest().tell("job", job(1, "done")));
  expect(render(<Jobs />).container.textContent).toBe("1 done");
});

it("polls without a working stream, and drops its events", async () => {
  const { Shell, Jobs } = await page();
  const shell = render(<Shell />).container;
  const jobs = render(<Jobs />).container;
  act(() => newest().tell("snapshot", { jobs: [job(1)], health }));
  act(() => vi.advanceTimersByTime(300));
  expect(jobs.textContent).toBe("1 running");
  act(() => newest().tell("error"));
  expect(shell.textContent).toBe("reconnecting");
  act(() => newest().tell("error"));
  act(() => newest().tell("error"));
  expect(shell.textContent).toBe("polling");
  expect(jobs.textContent).toBe("");
  expect(streams()).toHaveLength(0);
  // The stream is retried later.
  await act(() => vi.advanceTimersByTimeAsync(31_000));
  expect(streams()).toHaveLength(1);
  act(() => newest().tell("open"));
  expect(shell.textContent).toBe("live");
});

it("prunes finished transfers before running ones", async () => {
  const { Shell } = await page();
  const { useLive } = await import("./live");
  let known: ReadonlyMap<number, Transfer> = new Map();
  const Jobs = () => {
    known = useLive().jobs;
    return null;
  };
  render(<Shell />);
  const many = Array.from({ length: 5_000 }, (_, id) => job(id, id < 1_000 ? "running" : "done"));
  act(() => newest().tell("snapshot", { jobs: many, health }));
  act(() => newest().tell("job", job(5_000)));
  render(<Jobs />);
  expect(known.size).toBe(4_500);
  expect(known.has(0)).toBe(true);
  expect(known.has(1_000)).toBe(false);
  expect(known.has(5_000)).toBe(true);
});

it("reports the end of a transfer once", async () => {
  const { Shell } = await page();
  const { onEnding } = await import("./live");
  const told = vi.fn();
  onEnding(told);
  render(<Shell />);
  act(() => newest().tell("job", job(7)));
  act(() => newest().tell("job", job(7, "failed")));
  act(() => newest().tell("job", job(7, "failed", 5)));
  expect(told).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ state: "failed" }));
});
