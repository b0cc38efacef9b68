import { useSyncExternalStore } from "react";
import type { Schemas } from "./client";
import { get } from "./client";
import { renew } from "./query";

export type Transfer = Schemas["Transfer"];
type Health = Schemas["HealthNow"];

export type Live = {
  /** Whether changes come by themselves, are to come again, or are asked for. */
  state: "live" | "reconnecting" | "polling";
  health: Health | null;
  /** What goes on, by id; and what has ended since the page was opened. */
  jobs: ReadonlyMap<number, Transfer>;
};

/** How often what changed is drawn, in milliseconds. */
const DRAW = 250;
/** How often lists are read again because of events, in milliseconds. */
const RENEW = 2_000;
const POLL = 5_000;
/** Failures after which a stream is given up for polling: a proxy may not let
 * it through. */
const FAILURES_MAX = 3;
/** Transfers that are remembered. */
const JOBS_MAX = 5_000;

let shown: Live = { state: "reconnecting", health: null, jobs: new Map() };
let jobs = new Map<number, Transfer>();
let stream: EventSource | undefined;
let failures = 0;
let drawing: ReturnType<typeof setTimeout> | undefined;
let renewing: ReturnType<typeof setTimeout> | undefined;
let polling: ReturnType<typeof setInterval> | undefined;
const watching = new Set<() => void>();
const endings = new Set<(job: Transfer) => void>();

function show(changes: Partial<Live>) {
  shown = { ...shown, ...changes };
  for (const tell of watching) tell();
}

function draw() {
  drawing ??= setTimeout(() => {
    drawing = undefined;
    show({ jobs: new Map(jobs) });
  }, DRAW);
}

/** What was done changes lists; of many at once, only the last is waited for. */
function renewLists() {
  renewing ??= setTimeout(() => {
    renewing = undefined;
    void renew("/api/jobs", "/api/jobs/summary", "/api/overview", "/api/tags", "/api/image");
  }, RENEW);
}

function take(job: Transfer) {
  const before = jobs.get(job.id);
  jobs.set(job.id, job);
  if (jobs.size > JOBS_MAX) jobs.delete(jobs.keys().next().value as number);
  const ended = job.state === "done" || job.state === "failed";
  if (ended && before?.state !== job.state) for (const tell of endings) tell(job);
  if (before?.state !== job.state) renewLists();
  draw();
}

function data<T>(event: Event): T {
  return JSON.parse((event as MessageEvent<string>).data) as T;
}

function open() {
  if (stream || document.hidden || watching.size === 0) return;
  stream = new EventSource("/api/events");
  stream.addEventListener("open", () => {
    failures = 0;
    clearInterval(polling);
    polling = undefined;
    show({ state: "live" });
  });
  stream.addEventListener("snapshot", (event) => {
    const everything = data<Schemas["Everything"]>(event);
    jobs = new Map(everything.jobs.map((job) => [job.id, job]));
    show({ health: everything.health, jobs: new Map(jobs) });
    renewLists();
  });
  stream.addEventListener("job", (event) => take(data<Transfer>(event)));
  stream.addEventListener("health", (event) => {
    show({ health: data<Health>(event) });
    void renew("/api/sftp/health", "/api/overview", "/api/jobs/summary");
  });
  stream.addEventListener("reset", renewLists);
  stream.addEventListener("error", () => {
    failures += 1;
    const over = stream?.readyState === EventSource.CLOSED;
    if (!over && failures < FAILURES_MAX) return show({ state: "reconnecting" });
    close();
    poll();
  });
}

function close() {
  stream?.close();
  stream = undefined;
}

/** Asks every few seconds instead, and now and then tries a stream again. */
function poll() {
  show({ state: "polling" });
  let turns = 0;
  const ask = async () => {
    if (document.hidden || watching.size === 0) return;
    renewLists();
    turns += 1;
    if (turns % 6 === 0) {
      failures = FAILURES_MAX - 1;
      open();
    }
    try {
      const overview = await get("/api/overview");
      const summary = await get("/api/jobs/summary");
      const { state, since, message, hint } = overview.sftp;
      const health = { state, since, message, hint, uploader_runs: summary.uploader.runs };
      show({ health: { ...shown.health, ...health } });
    } catch {
      // The pages say themselves that there is no connection.
    }
  };
  clearInterval(polling);
  polling = setInterval(ask, POLL);
  void ask();
}

function visibility() {
  if (document.hidden) close();
  else if (polling === undefined) open();
}

function watch(changed: () => void) {
  watching.add(changed);
  if (watching.size === 1) document.addEventListener("visibilitychange", visibility);
  if (polling === undefined) open();
  return () => {
    watching.delete(changed);
    if (watching.size > 0) return;
    document.removeEventListener("visibilitychange", visibility);
    clearInterval(polling);
    polling = undefined;
    close();
  };
}

/** What goes on, as it happens: one stream for a tab, none while it is hidden. */
export const useLive = () => useSyncExternalStore(watch, () => shown);

/** Called with each transfer that ends while the page is open. */
export function onEnding(told: (job: Transfer) => void) {
  endings.add(told);
  return () => {
    endings.delete(told);
  };
}

/** Opens the stream anew, for instance for another session. */
export function reopen() {
  close();
  clearInterval(polling);
  polling = undefined;
  failures = 0;
  open();
}
