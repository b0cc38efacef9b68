import { useRef, useState } from "react";
import type { Tag } from "./TagRow";

/** Tags by their names: a choice outlasts the page of the list on which it was made. */
export type Chosen = ReadonlyMap<string, Tag>;

/** Tags that were chosen, and the range from the last one by Shift. */
export function useSelection() {
  const [chosen, setChosen] = useState<Chosen>(new Map());
  const last = useRef<string>(undefined);
  return {
    chosen,
    clear: () => setChosen(new Map()),
    /** Those that are not there any more. */
    forget: (names: string[]) =>
      setChosen((old) => new Map([...old].filter(([name]) => !names.includes(name)))),
    choose: (name: string, on: boolean, shown: Tag[], range: boolean) => {
      const all = shown.map((tag) => tag.name);
      const names = range ? between(all, last.current ?? name, name) : [name];
      last.current = name;
      const pressed = shown.filter((tag) => names.includes(tag.name));
      setChosen((old) => changed(old, pressed, on));
    },
    chooseAll: (shown: Tag[], on: boolean) => setChosen((old) => changed(old, shown, on)),
  };
}

export function between(names: string[], one: string, other: string) {
  const [from, until] = [names.indexOf(one), names.indexOf(other)].sort((a, b) => a - b);
  return from === undefined || from < 0 || until === undefined
    ? [other]
    : names.slice(from, until + 1);
}

function changed(old: Chosen, tags: Tag[], on: boolean) {
  const next = new Map(old);
  for (const tag of tags) {
    if (on) next.set(tag.name, tag);
    else next.delete(tag.name);
  }
  return next;
}

/** As they are now, as far as they are shown: a tag may have been pushed again. */
export const renewed = (chosen: Chosen, shown: Tag[]) =>
  [...chosen.values()].map((tag) => shown.find(({ name }) => name === tag.name) ?? tag);

/** What of tags is told and done together. */
export function together(tags: Tag[]) {
  const sizes = new Map(tags.map(({ digest, size }) => [digest, size]));
  const [from, into] = [...tags].sort((a, b) => a.pushed_at.localeCompare(b.pushed_at));
  return {
    digests: [...sizes.keys()],
    /** An image with two names counts once. */
    bytes: [...sizes.values()].reduce((sum, size) => sum + size, 0),
    /** Two, from the one that was pushed first. */
    pair: tags.length === 2 && from && into ? ([from.name, into.name] as const) : undefined,
  };
}
