import { useRef, useState } from "react";
import type { Tag } from "./TagRow";

/** Tags by name: a selection survives paging. */
export type Chosen = ReadonlyMap<string, Tag>;

/** Selected tags; Shift selects a range. */
export function useSelection() {
  const [chosen, setChosen] = useState<Chosen>(new Map());
  const last = useRef<string>(undefined);
  return {
    chosen,
    clear: () => setChosen(new Map()),
    /** Tags that no longer exist. */
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

/** Current data of the visible tags: a tag may have been pushed again. */
export const renewed = (chosen: Chosen, shown: Tag[]) =>
  [...chosen.values()].map((tag) => shown.find(({ name }) => name === tag.name) ?? tag);

/** Summary of the selected tags. */
export function together(tags: Tag[]) {
  const sizes = new Map(tags.map(({ digest, size }) => [digest, size]));
  const [from, into] = [...tags].sort((a, b) => a.pushed_at.localeCompare(b.pushed_at));
  return {
    digests: [...sizes.keys()],
    /** An image with several tags counts once. */
    bytes: [...sizes.values()].reduce((sum, size) => sum + size, 0),
    /** Two tags, the older push first. */
    pair: tags.length === 2 && from && into ? ([from.name, into.name] as const) : undefined,
  };
}
