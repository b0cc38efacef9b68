import { QueryClientProvider } from "@tanstack/react-query";
import { cleanup, render, screen } from "@testing-library/react";
import { afterEach, expect, it, vi } from "vitest";
import { api } from "../../api/client";
import type { Transfer } from "../../api/live";
import { queries } from "../../api/query";
import { PushBody } from "./PushBody";
import { pushesOf } from "./pushes";

afterEach(() => {
  cleanup();
  queries.clear();
});

const push = {
  name: "team/api:1",
  blobs_done: 1,
  blobs_total: 2,
  bytes_stored: 9,
  bytes_total: 99,
};
const job = (id: number, state: string): Transfer => ({
  id,
  push_id: 3,
  push,
  kind: "store_blob",
  removes: false,
  repo: "team/api",
  digest: `sha256:${String(id).repeat(64)}`,
  state,
  bytes_done: 0,
  bytes_total: 90,
  attempt: 0,
  created_at: "2026-11-23T10:00:00Z",
});

function show(...jobs: Transfer[]) {
  const response = new Response(null, { status: 200 });
  const items = [job(1, "done"), job(2, "running")];
  const get = vi.spyOn(api, "GET").mockResolvedValue({ data: { items }, response } as never);
  const [shown] = pushesOf(jobs);
  if (!shown) throw new Error("no push");
  render(
    <QueryClientProvider client={queries}>
      <PushBody push={shown} rows={10} />
    </QueryClientProvider>,
  );
  return get;
}

it("loads transfers that finished earlier", async () => {
  const get = show(job(2, "running"));
  await screen.findByText("111111111111");
  expect(screen.getByText("222222222222")).toBeTruthy();
  expect(get).toHaveBeenCalledOnce();
});

it("loads nothing if all transfers are known", () => {
  const get = show(job(1, "done"), job(2, "running"));
  expect(screen.getByText("111111111111")).toBeTruthy();
  expect(get).not.toHaveBeenCalled();
});
