import { lazy, useEffect } from "react";
import { FromThenOn } from "../parts/Dialog";

const Finder = lazy(() => import("./Finder"));

type PaletteProps = { open: boolean; onOpen: (open: boolean) => void };

/** Search dialog for repositories, tags and pages, opened with Ctrl-K. */
export function Palette({ open, onOpen }: PaletteProps) {
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      // With caps lock the key is K; autofill events have no key.
      if (event.key?.toLowerCase() !== "k" || !(event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      // Not while a dialog is open.
      if (!open && document.querySelector("[role$=dialog][data-open]")) return;
      onOpen(!open);
    };
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  }, [open, onOpen]);
  return <FromThenOn on={open}>{open && <Finder onClose={() => onOpen(false)} />}</FromThenOn>;
}
