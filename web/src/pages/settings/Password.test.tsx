import { QueryClientProvider } from "@tanstack/react-query";
import { cleanup, render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, expect, test, vi } from "vitest";
import { api } from "../../api/client";
import { queries } from "../../api/query";
import { SessionProvider } from "../../app/session";
import { someone } from "../../app/someone";
import { Password } from "./Password";

function show() {
  render(
    <QueryClientProvider client={queries}>
      <SessionProvider me={someone}>
        <Password />
      </SessionProvider>
    </QueryClientProvider>,
  );
  const type = (label: string, words: string) =>
    userEvent.type(screen.getByLabelText(label), words);
  return { type, send: () => userEvent.click(screen.getByRole("button", { name: /Change/ })) };
}
function answers(status: number, code: string) {
  const error = { error: { code, message: "no" } };
  const response = new Response(null, { status });
  return vi.spyOn(api, "PUT").mockResolvedValue({ error, response } as never);
}

afterEach(cleanup);

test("nothing is sent before the new password will do", async () => {
  const put = answers(500, "");
  const { type, send } = show();
  await type("Current password", "before-1");
  await type("New password", "short");
  await type("Repeat new password", "other");
  await send();
  expect(screen.getByText("Use at least 8 characters")).toBeTruthy();
  expect(screen.getByText("The passwords differ")).toBeTruthy();
  expect(put).not.toHaveBeenCalled();
});

test("that the present one is wrong is said at its field", async () => {
  const put = answers(403, "PASSWORD_WRONG");
  const { type, send } = show();
  await type("Current password", "before-1");
  await type("New password", "after-after");
  await type("Repeat new password", "after-after");
  await send();
  expect(put).toHaveBeenCalledOnce();
  await screen.findByText("Wrong password");
  expect(screen.getByLabelText("Current password").getAttribute("aria-invalid")).toBe("true");
  expect(screen.queryByRole("alert")).toBeNull();
});
