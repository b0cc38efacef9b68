import type { LucideIcon } from "lucide-react";

/** Decorative icon next to a text, hidden from screen readers. */
export function Icon({ of: Drawn, size = 16 }: { of: LucideIcon; size?: number }) {
  return <Drawn size={size} strokeWidth={1.75} aria-hidden="true" />;
}
