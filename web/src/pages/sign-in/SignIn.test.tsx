import { QueryClientProvider } from "@tanstack/react-query";
import { cleanup, render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, expect, it, vi } from "vitest";
import { api } from "../../api/client";
import { queries } from "../../api/query";
import SignIn from "./SignIn";

function answers(status: number, headers: Record<string, string> = {}) {
  const error = { error: { code: "x", message: "no" } };
  const response = new Response(null, { status, headers });
  return vi.spyOn(api, "POST").mockResolvedValue({ error, response } as never);
}

async function tried() {
  render(
    <QueryClientProvider client={queries}>
      <SignIn />
    </QueryClientProvider>,
  );
  await userEvent.type(screen.getByLabelText("User name"), "heron");
  await userEvent.type(screen.getByLabelText("Password"), "not-the-one{Enter}");
  return screen.getByRole<HTMLButtonElement>("button", { name: "Sign in" });
}

afterEach(cleanup);

it("shows a wrong password at its field and allows another attempt", async () => {
  const post = answers(401);
  const button = await tried();
  await screen.findByText("Wrong user name or password.");
  expect(screen.getByLabelText("Password").getAttribute("aria-invalid")).toBe("true");
  expect(button.disabled).toBe(false);
  await userEvent.click(button);
  expect(post).toHaveBeenCalledTimes(2);
});

it("shows the waiting time and sends nothing before", async () => {
  const post = answers(429, { "retry-after": "60" });
  const button = await tried();
  await screen.findByText(/^Too many attempts\. Try again in \d\d s\.$/);
  expect(button.disabled).toBe(true);
  await userEvent.type(screen.getByLabelText("Password"), "{Enter}");
  expect(post).toHaveBeenCalledOnce();
});
