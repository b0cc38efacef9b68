import { useRef, useState } from "react";

/** Names that were chosen, and the range from the last one by Shift. */
export function useSelection() {
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const last = useRef<string>(undefined);
  return {
    chosen,
    clear: () => setChosen(new Set()),
    choose: (name: string, on: boolean, shown: string[], range: boolean) => {
      const names = range ? between(shown, last.current ?? name, name) : [name];
      last.current = name;
      setChosen((old) => changed(old, names, on));
    },
    chooseAll: (shown: string[], on: boolean) => setChosen((old) => changed(old, shown, on)),
  };
}

export function between(names: string[], one: string, other: string) {
  const [from, until] = [names.indexOf(one), names.indexOf(other)].sort((a, b) => a - b);
  return from === undefined || from < 0 || until === undefined
    ? [other]
    : names.slice(from, until + 1);
}

function changed(old: ReadonlySet<string>, names: string[], on: boolean) {
  const next = new Set(old);
  for (const name of names) {
    if (on) next.add(name);
    else next.delete(name);
  }
  return next;
}
