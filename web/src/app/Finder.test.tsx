import { QueryClientProvider } from "@tanstack/react-query";
import { cleanup, render, screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, expect, it, vi } from "vitest";
import { Router } from "wouter";
import { memoryLocation } from "wouter/memory-location";
import { api } from "../api/client";
import { queries } from "../api/query";
import Finder from "./Finder";
import { SessionProvider } from "./session";
import { someone } from "./someone";

const found = {
  groups: ["team"],
  repos: ["team/api", "team/web"],
  tags: [{ repo: "team/api", tag: "1.18" }],
};

function show() {
  const response = new Response(null, { status: 200 });
  vi.spyOn(api, "GET").mockResolvedValue({ data: found, response } as never);
  const { hook, history } = memoryLocation({ path: "/", record: true });
  const onClose = vi.fn();
  render(
    <QueryClientProvider client={queries}>
      <SessionProvider me={someone}>
        <Router hook={hook}>
          <Finder onClose={onClose} />
        </Router>
      </SessionProvider>
    </QueryClientProvider>,
  );
  const names = () => screen.queryAllByRole("option").map((it) => it.textContent);
  const chosen = () => screen.getByRole("option", { selected: true }).textContent;
  return { history, onClose, names, chosen, field: screen.getByRole("combobox") };
}

afterEach(() => {
  cleanup();
  queries.clear();
});

it("lists the accessible pages before anything is typed", () => {
  const { names } = show();
  expect(names()).toEqual([
    "Overviewpage",
    "Groupspage",
    "Transferspage",
    "Storagepage",
    "Settingspage",
  ]);
});

it("moves with arrow keys, wraps around, and opens with Enter", async () => {
  const { history, onClose, chosen, field } = show();
  await userEvent.type(field, "team");
  await waitFor(() => expect(chosen()).toBe("teamgroup"));
  expect(field.getAttribute("aria-activedescendant")).toBe("found-0");
  await userEvent.keyboard("{ArrowUp}");
  expect(chosen()).toBe("team/api:1.18tag");
  await userEvent.keyboard("{ArrowDown}{ArrowDown}{Enter}");
  expect(history.at(-1)).toBe("/r/team/api");
  expect(onClose).toHaveBeenCalledOnce();
});

it("shows no results only after the search has finished", async () => {
  const { names, field } = show();
  await userEvent.type(field, "team");
  await waitFor(() => expect(names().length).toBe(4));
  let answer = (_: never) => {};
  vi.spyOn(api, "GET").mockReturnValue(new Promise((resolve) => (answer = resolve)) as never);
  await userEvent.type(field, "x");
  await waitFor(() => expect(names()).toEqual([]));
  expect(screen.queryByText(/Nothing is called/)).toBeNull();
  const data = { groups: [], repos: [], tags: [] };
  answer({ data, response: new Response(null, { status: 200 }) } as never);
  await screen.findByText("No results for “teamx”");
});

it("does not show no results after a failed search", async () => {
  const { names, field } = show();
  const error = { error: { code: "INTERNAL", message: "The database is away." } };
  const response = new Response(JSON.stringify(error), { status: 500 });
  vi.spyOn(api, "GET").mockResolvedValue({ error, response } as never);
  await userEvent.type(field, "zebra");
  await screen.findByText("The database is away.");
  expect(names()).toEqual([]);
  expect(screen.queryByText(/Nothing is called/)).toBeNull();
});
