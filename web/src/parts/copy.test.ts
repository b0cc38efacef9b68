import { afterEach, expect, it, vi } from "vitest";
import { copy } from "./copy";

const secure = (is: boolean) => vi.stubGlobal("isSecureContext", is);
afterEach(() => vi.unstubAllGlobals());

it("uses the clipboard API in secure contexts", async () => {
  secure(true);
  const writeText = vi.spyOn(navigator.clipboard, "writeText").mockResolvedValue();
  expect(await copy("docker pull x")).toBe(true);
  expect(writeText).toHaveBeenCalledWith("docker pull x");
});

it("falls back to execCommand over plain HTTP and restores the focus", async () => {
  secure(false);
  let selected = "";
  document.execCommand = vi.fn(() => {
    selected = (document.activeElement as HTMLTextAreaElement).value;
    return true;
  });
  const button = document.body.appendChild(document.createElement("button"));
  button.focus();
  expect(await copy("docker pull x")).toBe(true);
  expect(selected).toBe("docker pull x");
  expect(document.activeElement).toBe(button);
  expect(document.querySelector("textarea")).toBeNull();
});

it("returns false if neither way works", async () => {
  secure(false);
  document.execCommand = vi.fn(() => false);
  expect(await copy("x")).toBe(false);
});
