import type { ReactNode } from "react";
import { text } from "../text";
import { ago, bytes, exactly } from "../text/format";
import { cx } from "./class";
import s from "./Text.module.css";
import { useNow } from "./useNow";

type Words = { children: ReactNode; title?: string };

export const Mono = ({ children, title }: Words) => (
  <span className={s.mono} title={title}>
    {children}
  </span>
);
export const Muted = ({ children, title }: Words) => (
  <span className={s.muted} title={title}>
    {children}
  </span>
);
/** A note in small print. */
export const Small = ({ children, title }: Words) => (
  <span className={s.small} title={title}>
    {children}
  </span>
);
/** The main number of a panel, with a comparison. */
export const Figure = ({ children, beside }: { children: ReactNode; beside?: ReactNode }) => (
  <p className={s.figure}>
    {children} {beside && <small>{beside}</small>}
  </p>
);
/** Text for screen readers only. */
export const ForReaders = ({ children }: { children: ReactNode }) => (
  <span className={s.forReaders}>{children}</span>
);
/** Short facts in a row, separated by dots. */
export const Dots = ({ children }: { children: ReactNode }) => (
  <p className={cx(s.dots, s.muted)}>{children}</p>
);

export const Bytes = ({ of }: { of: number }) => (
  <span title={`${of.toLocaleString()} bytes`}>{bytes(of)}</span>
);

/** Relative time; the tooltip has the exact time. */
export function Time({ at }: { at: string | null | undefined }) {
  const now = useNow();
  if (!at) return <span className={s.muted}>{text.shared.never}</span>;
  return (
    <time dateTime={at} title={exactly(at)}>
      {ago(at, now)}
    </time>
  );
}

/** `team/` in grey, `api` in black. */
export function RepositoryName({ name }: { name: string }) {
  const at = name.lastIndexOf("/") + 1;
  return (
    <span className={s.mono}>
      <span className={s.muted}>{name.slice(0, at)}</span>
      {name.slice(at)}
    </span>
  );
}

export const ImageName = ({ repo, tag }: { repo: string; tag: string }) => (
  <span className={s.mono}>
    {repo}
    <span className={s.muted}>:</span>
    {tag}
  </span>
);
