import type { ReactNode } from "react";
import { Link, useLocation, useSearchParams } from "wouter";

/** The same page, asked for something else: another tab, another platform. */
export function HereLink({ ask, children }: { ask: Record<string, string>; children: ReactNode }) {
  const [at] = useLocation();
  const [params] = useSearchParams();
  const next = new URLSearchParams({ ...Object.fromEntries(params), ...ask });
  return <Link href={`${at}?${next}`}>{children}</Link>;
}
