import type { ReactNode } from "react";
import { Link, useLocation, useSearchParams } from "wouter";

/** A link to the same page with other parameters, such as tab or platform. */
export function HereLink({ ask, children }: { ask: Record<string, string>; children: ReactNode }) {
  const [at] = useLocation();
  const [params] = useSearchParams();
  const next = new URLSearchParams({ ...Object.fromEntries(params), ...ask });
  return <Link href={`${at}?${next}`}>{children}</Link>;
}
