import { lazy, Suspense, useSyncExternalStore } from "react";
import type { Said } from "./ShownToasts";

const ShownToasts = lazy(() => import("./ShownToasts"));

let said: Said[] = [];
const watching = new Set<() => void>();

function add(words: string, bad: boolean) {
  said = [...said, { id: said.length, words, bad }];
  for (const tell of watching) tell();
}

function watch(changed: () => void) {
  watching.add(changed);
  return () => {
    watching.delete(changed);
  };
}

/** Shows a success message for a while. */
export const say = (words: string) => add(words, false);
/** Shows an error message and announces it immediately. */
export const warn = (words: string) => add(words, true);

/** The messages; the component that shows them is loaded with the first one. */
export function Toasts() {
  const all = useSyncExternalStore(watch, () => said);
  if (all.length === 0) return null;
  return (
    <Suspense fallback={null}>
      <ShownToasts said={all} />
    </Suspense>
  );
}
