import type { LucideIcon } from "lucide-react";

/** Beside a word, never instead of one: readers do not hear it. */
export function Icon({ of: Drawn, size = 16 }: { of: LucideIcon; size?: number }) {
  return <Drawn size={size} strokeWidth={1.75} aria-hidden="true" />;
}
