import { lazy, useEffect } from "react";
import { FromThenOn } from "../parts/Dialog";

const Finder = lazy(() => import("./Finder"));

type PaletteProps = { open: boolean; onOpen: (open: boolean) => void };

/** Finds repositories, tags and pages; Ctrl K opens it. */
export function Palette({ open, onOpen }: PaletteProps) {
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      // Caps lock makes it K.
      if (event.key.toLowerCase() !== "k" || !(event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      onOpen(!open);
    };
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  }, [open, onOpen]);
  return <FromThenOn on={open}>{open && <Finder onClose={() => onOpen(false)} />}</FromThenOn>;
}
