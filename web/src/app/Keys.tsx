import { useEffect, useState } from "react";
import { useLocation } from "wouter";
import { Dialog } from "../parts/Dialog";
import { Pair, Pairs } from "../parts/Panel";
import { text } from "../text";
import { to } from "./paths";
import s from "./Shell.module.css";

const words = text.shell;

/** `g` followed by one of these keys. */
const PLACES: Record<string, [string, string]> = {
  o: [to.overview, words.overview],
  g: [to.groups, words.groups],
  t: [to.transfers, words.transfers],
  s: [to.storage, words.storage],
};

const types = (element: EventTarget | null) =>
  element instanceof HTMLElement &&
  element.closest("input, select, textarea, [role=dialog], [role=alertdialog], [role=menu]");

/** Keyboard shortcuts of every page: `/`, `g t` and `?`. */
export function Keys() {
  const [help, setHelp] = useState(false);
  const [, go] = useLocation();
  useEffect(() => {
    let going = false;
    const press = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || types(event.target)) return;
      // Caps lock makes it G.
      const key = event.key?.toLowerCase();
      const place = going && key ? PLACES[key] : undefined;
      going = key === "g" && !going;
      if (place) go(place[0]);
      else if (key === "?") setHelp(true);
      else if (key === "/") {
        const filter = document.querySelector<HTMLElement>("[data-filter]");
        if (!filter) return;
        event.preventDefault();
        filter.focus();
      }
    };
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  }, [go]);
  return (
    <Dialog open={help} onClose={() => setHelp(false)} narrow title={words.keys.title}>
      <Pairs>
        <Pair term={<kbd className={s.key}>Ctrl K</kbd>}>{words.keys.search}</Pair>
        <Pair term={<kbd className={s.key}>/</kbd>}>{words.keys.filter}</Pair>
        {Object.entries(PLACES).map(([key, [, name]]) => (
          <Pair key={key} term={<kbd className={s.key}>g {key}</kbd>}>
            {words.keys.go(name)}
          </Pair>
        ))}
        <Pair term={<kbd className={s.key}>?</kbd>}>{words.keys.help}</Pair>
      </Pairs>
    </Dialog>
  );
}
