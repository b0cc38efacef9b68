// How much of a core Chromium takes for the page of transfers while so many of
// them change; and how many rows the pages ask for at most. The gateway stands
// behind a server that makes up the transfers, all of which change every few
// seconds.
import { readdirSync, readFileSync } from "node:fs";
import { createServer, request } from "node:http";
import { assert, lab, script, signIn } from "./browser.mjs";

const TRANSFERS = Number(process.argv[2] ?? 5_000);
/** Interval in which each transfer changes once, in milliseconds. */
const ROUND = 5_000;
const SECONDS = 20;
const BLOB = 50_000_000;

/** The gateway's URL; `lab.url` is the server in front of it. */
const direct = lab.url;
const started = Date.now();
const transfers = Array.from({ length: TRANSFERS }, (_, at) => ({
  id: at + 1,
  push_id: 1 + at - (at % 8),
  push: {
    name: `team/app-${Math.floor(at / 8)}:1.0`,
    blobs_done: 0,
    blobs_total: 8,
    bytes_stored: 0,
    bytes_total: 8 * BLOB,
  },
  kind: "store_blob",
  repo: `team/app-${Math.floor(at / 8)}`,
  tag: null,
  digest: `sha256:${String(at).padStart(64, "0")}`,
  state: "running",
  bytes_done: 0,
  bytes_total: BLOB,
  rate_bps: 1_000_000,
  eta_s: 50,
  attempt: 0,
  next_retry_at: null,
  error: null,
  removes: false,
  worker: "bench",
  created_at: new Date(started).toISOString(),
  finished_at: null,
}));

function moved(transfer) {
  transfer.bytes_done = (transfer.bytes_done + 1_000_000) % BLOB;
  return transfer;
}

function events(response) {
  response.writeHead(200, { "Content-Type": "text/event-stream" });
  const health = { state: "up", since: new Date(started).toISOString(), uploader_runs: true };
  const send = (event, data) =>
    response.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
  send("snapshot", { jobs: transfers, health });
  let at = 0;
  const timer = setInterval(() => {
    const until = at + (TRANSFERS * 50) / ROUND;
    for (; at < until; at += 1) send("job", moved(transfers[Math.floor(at) % TRANSFERS]));
  }, 50);
  response.on("close", () => clearInterval(timer));
}

const server = createServer((incoming, response) => {
  const { pathname, searchParams } = new URL(incoming.url, lab.url);
  if (pathname === "/api/events") return events(response);
  if (pathname === "/api/jobs") {
    const limit = Number(searchParams.get("limit") ?? 50);
    response.setHeader("Content-Type", "application/json");
    const page = {
      items: transfers.slice(0, limit),
      total: TRANSFERS,
      next_cursor: null,
      prev_cursor: null,
    };
    return response.end(JSON.stringify(page));
  }
  const { method, headers } = incoming;
  const target = new URL(incoming.url, direct);
  const onward = request(target, { method, headers }, (answer) => {
    response.writeHead(answer.statusCode, answer.headers);
    answer.pipe(response);
  });
  onward.on("error", () => response.destroy());
  incoming.pipe(onward);
});

/** CPU seconds of all child processes. */
function cpu() {
  const stats = new Map();
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      const words = readFileSync(`/proc/${pid}/stat`, "utf8")
        .replace(/^.*\) /s, "")
        .split(" ");
      stats.set(Number(pid), {
        parent: Number(words[1]),
        ticks: Number(words[11]) + Number(words[12]),
      });
    } catch {
      // The process has exited.
    }
  }
  const isBelow = (pid) =>
    pid === process.pid || (stats.has(pid) && isBelow(stats.get(pid).parent));
  let ticks = 0;
  for (const [pid, { ticks: own }] of stats) if (pid !== process.pid && isBelow(pid)) ticks += own;
  return ticks / 100;
}

await new Promise((done) => server.listen(0, "127.0.0.1", done));
lab.url = `http://127.0.0.1:${server.address().port}`;
await script(async (open) => {
  const page = await open();
  await signIn(page, lab.user, lab.password, "/transfers");
  const row = page
    .getByRole("listitem")
    .filter({ hasText: /team\/app-\d+/ })
    .first();
  await row.waitFor();
  await new Promise((done) => setTimeout(done, 3_000));
  const words = await row.innerText();
  const [before, from] = [cpu(), Date.now()];
  await new Promise((done) => setTimeout(done, SECONDS * 1_000));
  console.log(`cores: ${((cpu() - before) / ((Date.now() - from) / 1_000)).toFixed(3)}`);
  assert((await row.innerText()) !== words, "the page does not show what changes");

  await page.close();
  lab.url = direct;
  const many = await open();
  let rows = 0;
  const lists = new Set();
  many.on("response", async (response) => {
    if (!(response.headers()["content-type"] ?? "").includes("application/json")) return;
    const body = await response.json().catch(() => undefined);
    for (const list of [body?.items, body?.recent, body?.repos]) {
      if (Array.isArray(list)) rows = Math.max(rows, list.length);
    }
    if (body?.total > 1_000) lists.add(new URL(response.url()).pathname);
  });
  await signIn(many, lab.user, lab.password);
  for (const path of [
    "/groups",
    "/g/team",
    "/r/team/long",
    "/transfers",
    "/storage",
    "/audit",
    "/users",
  ]) {
    await many.goto(direct + path);
    await many.waitForLoadState("networkidle", { timeout: 10_000 }).catch(() => {});
  }
  assert(lists.has("/api/tags") && lists.has("/api/repos"), `few rows were there: ${[...lists]}`);
  console.log(`rows: ${rows}`);
});
server.closeAllConnections();
server.close();
