import { cleanup, render } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, expect, it, vi } from "vitest";
import { Palette } from "./Palette";

afterEach(cleanup);

it.each(["k", "K"])("opens by Ctrl and %s, with caps lock or without", async (key) => {
  const onOpen = vi.fn();
  render(<Palette open={false} onOpen={onOpen} />);
  await userEvent.keyboard(key);
  expect(onOpen).not.toHaveBeenCalled();
  await userEvent.keyboard(`{Control>}${key}{/Control}`);
  expect(onOpen).toHaveBeenCalledExactlyOnceWith(true);
});
