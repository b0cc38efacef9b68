import { act, cleanup, render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { Copy, Trash2 } from "lucide-react";
import { afterEach, expect, it, vi } from "vitest";
import { Menu } from "./Menu";

afterEach(cleanup);

function shown() {
  const [first, off, last] = [vi.fn(), vi.fn(), vi.fn()];
  render(
    <Menu
      label="More"
      items={[
        { icon: Copy, name: "Copy", onChoose: first },
        { icon: Copy, name: "Off", onChoose: off, disabled: true },
        false,
        "separator",
        { icon: Trash2, name: "Delete", onChoose: last, danger: true },
      ]}
    />,
  );
  return { first, off, last, user: userEvent.setup(), button: screen.getByRole("button") };
}

it("supports the keyboard, restores the focus and skips disabled items", async () => {
  const { last, user, button } = shown();
  button.focus();
  await user.keyboard("{Enter}");
  expect(document.activeElement?.textContent).toBe("Copy");
  await user.keyboard("{ArrowDown}");
  expect(document.activeElement?.textContent).toBe("Delete");
  await user.keyboard("{ArrowDown}{ArrowUp}{Enter}");
  expect(last).toHaveBeenCalledOnce();
  expect(screen.queryByRole("menu")).toBeNull();
  expect(document.activeElement).toBe(button);
});

it("closes on Escape, on a click outside and on resize, without an action", async () => {
  const { first, off, last, user, button } = shown();
  await user.click(button);
  await user.keyboard("{Escape}");
  expect(screen.queryByRole("menu")).toBeNull();
  await user.click(button);
  await user.click(screen.getByRole("menuitem", { name: "Off" }));
  expect(screen.getByRole("menu")).toBeTruthy();
  await user.click(document.body);
  expect(screen.queryByRole("menu")).toBeNull();
  await user.click(button);
  act(() => {
    dispatchEvent(new Event("resize"));
  });
  expect(screen.queryByRole("menu")).toBeNull();
  for (const deed of [first, off, last]) expect(deed).not.toHaveBeenCalled();
});
