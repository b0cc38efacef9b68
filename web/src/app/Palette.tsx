import { lazy, useEffect } from "react";
import { FromThenOn } from "../parts/Dialog";

const Finder = lazy(() => import("./Finder"));

type PaletteProps = { open: boolean; onOpen: (open: boolean) => void };

/** Finds repositories, tags and pages; Ctrl K opens it. */
export function Palette({ open, onOpen }: PaletteProps) {
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      // Caps lock makes it K; what a browser fills in has no key.
      if (event.key?.toLowerCase() !== "k" || !(event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      // A question comes first.
      if (!open && document.querySelector("[role$=dialog][data-open]")) return;
      onOpen(!open);
    };
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  }, [open, onOpen]);
  return <FromThenOn on={open}>{open && <Finder onClose={() => onOpen(false)} />}</FromThenOn>;
}
