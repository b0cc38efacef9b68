import { useSyncExternalStore } from "react";
import type { Schemas } from "./client";
import { get } from "./client";
import { renew } from "./query";

export type Transfer = Schemas["Transfer"];
type Health = Schemas["HealthNow"];

export type Connection = {
  /** Whether changes arrive by event stream, are reconnecting, or are polled. */
  state: "live" | "reconnecting" | "polling";
  health: Health | null;
};

export type Live = Connection & {
  /** Running jobs by id, and jobs that finished since the page was opened. */
  jobs: ReadonlyMap<number, Transfer>;
};

/** Render interval in milliseconds; a longer one if there are many changes. */
const DRAW = 250;
const DRAW_MANY = 1_000;
const MANY = 500;
/** Minimum interval between refetches caused by events, in milliseconds. */
const RENEW = 2_000;
/** The list of transfers, which is also updated by events. */
const RENEW_JOBS = 10_000;
const POLL = 5_000;
/** Number of failures before falling back to polling; a proxy may block streams. */
const FAILURES_MAX = 3;
/** Maximum number of kept transfers, and the number kept after pruning. */
const JOBS_MAX = 5_000;
const JOBS_KEPT = 4_500;

let connection: Connection = { state: "reconnecting", health: null };
let jobs = new Map<number, Transfer>();
let shown: Live = { ...connection, jobs: new Map() };
/** Whether `jobs` has changes that `shown` lacks. */
let stale = false;
let stream: EventSource | undefined;
let failures = 0;
let drawing: ReturnType<typeof setTimeout> | undefined;
let renewing: ReturnType<typeof setTimeout> | undefined;
let jobsRenewed = 0;
let polling: ReturnType<typeof setInterval> | undefined;
/** Subscribers of the connection state, and subscribers of transfers, which change more often. */
const watching = new Set<() => void>();
const watchingJobs = new Set<() => void>();
const endings = new Set<(job: Transfer) => void>();

const nobodyWatches = () => watching.size + watchingJobs.size === 0;

/** Copies transfers only if there are subscribers. */
function copyJobs() {
  stale = false;
  shown = { ...connection, jobs: new Map(jobs) };
}

function show(changes: Partial<Connection>) {
  connection = { ...connection, ...changes };
  shown = { ...connection, jobs: shown.jobs };
  for (const tell of watching) tell();
  for (const tell of watchingJobs) tell();
}

function draw() {
  stale = true;
  if (watchingJobs.size === 0 || drawing !== undefined) return;
  const pace = jobs.size > MANY ? DRAW_MANY : DRAW;
  drawing = setTimeout(() => {
    drawing = undefined;
    copyJobs();
    for (const tell of watchingJobs) tell();
  }, pace);
}

/** Refetches lists after finished jobs, once for a burst. */
function renewLists() {
  if (renewing !== undefined) return;
  renewing = setTimeout(() => {
    renewing = undefined;
    const now = Date.now();
    if (connection.state !== "live" || now - jobsRenewed >= RENEW_JOBS) {
      jobsRenewed = now;
      void renew("/api/jobs");
    }
    void renew("/api/jobs/summary", "/api/overview", "/api/tags", "/api/image");
  }, RENEW);
}

/** Prunes the oldest finished transfers first, then the oldest. */
function forget() {
  const done = [...jobs.values()].filter((job) => job.state === "done");
  for (const job of [...done, ...jobs.values()]) {
    if (jobs.size <= JOBS_KEPT) return;
    jobs.delete(job.id);
  }
}

function take(job: Transfer) {
  const before = jobs.get(job.id);
  jobs.set(job.id, job);
  if (jobs.size > JOBS_MAX) forget();
  const ended = job.state === "done" || job.state === "failed";
  if (ended && before?.state !== job.state) for (const tell of endings) tell(job);
  if (before?.state !== job.state) renewLists();
  draw();
}

function data<T>(event: Event): T {
  return JSON.parse((event as MessageEvent<string>).data) as T;
}

function open() {
  if (stream || document.hidden || nobodyWatches()) return;
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
    draw();
    show({ health: everything.health });
    jobsRenewed = 0;
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

/** Polls every few seconds and occasionally retries the stream. */
function poll() {
  // Old events would hide newer responses.
  jobs = new Map();
  copyJobs();
  show({ state: "polling" });
  let turns = 0;
  const ask = async () => {
    if (document.hidden || nobodyWatches()) return;
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
      show({ health: { ...connection.health, ...health } });
    } catch {
      // Banners report the lost connection.
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

function watch(by: Set<() => void>, changed: () => void) {
  if (nobodyWatches()) document.addEventListener("visibilitychange", visibility);
  by.add(changed);
  if (polling === undefined) open();
  return () => {
    by.delete(changed);
    if (!nobodyWatches()) return;
    document.removeEventListener("visibilitychange", visibility);
    clearInterval(polling);
    polling = undefined;
    close();
  };
}

const watchConnection = (changed: () => void) => watch(watching, changed);
const watchAll = (changed: () => void) => watch(watchingJobs, changed);
function all() {
  // Changed without subscribers.
  if (stale && watchingJobs.size === 0) copyJobs();
  return shown;
}

/** Connection and storage state, for components without transfers. */
export const useConnection = () => useSyncExternalStore(watchConnection, () => connection);

/** Live transfers: one event stream per browser tab, closed while the tab is hidden. */
export const useLive = () => useSyncExternalStore(watchAll, all);

/** Calls back for each transfer that finishes while the page is open. */
export function onEnding(told: (job: Transfer) => void) {
  endings.add(told);
  return () => {
    endings.delete(told);
  };
}

/** Reopens the stream, for instance after a change of session. */
export function reopen() {
  close();
  clearInterval(polling);
  polling = undefined;
  failures = 0;
  open();
}
