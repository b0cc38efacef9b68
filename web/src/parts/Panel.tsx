import type { ReactNode } from "react";
import { useId } from "react";
import { cx } from "./class";
import s from "./Panel.module.css";

type PanelProps = {
  title?: ReactNode;
  /** Muted text beside the title. */
  note?: ReactNode;
  /** Content at the end of the header. */
  end?: ReactNode;
  /** Accessible name of a panel without a title. */
  label?: string;
  id?: string;
  children: ReactNode;
};

export function Panel({ title, note, end, label, id, children }: PanelProps) {
  const heading = useId();
  return (
    <section
      className={s.panel}
      id={id}
      aria-labelledby={title ? heading : undefined}
      aria-label={label}
    >
      {(title || end) && (
        <div className={s.head}>
          {title && <h2 id={heading}>{title}</h2>}
          {note && <p>{note}</p>}
          {end && <div className={s.end}>{end}</div>}
        </div>
      )}
      {children}
    </section>
  );
}

export const PanelBody = ({ children, tight }: { children: ReactNode; tight?: boolean }) => (
  <div className={cx(s.body, tight && s.tight)}>{children}</div>
);
export const PanelFoot = ({ children, end }: { children?: ReactNode; end?: ReactNode }) => (
  <div className={s.foot}>
    <span>{children}</span>
    {end && <div className={s.end}>{end}</div>}
  </div>
);
/** A toolbar with filters above a list. */
export const Toolbar = ({ children, end }: { children: ReactNode; end?: ReactNode }) => (
  <div className={s.toolbar}>
    {children}
    {end && <div className={cx(s.end, s.count)}>{end}</div>}
  </div>
);

/** Short facts side by side. */
export const Facts = ({ children }: { children: ReactNode }) => (
  <dl className={s.facts}>{children}</dl>
);
export function Fact({
  term,
  children,
  below,
}: {
  term: string;
  children: ReactNode;
  below?: ReactNode;
}) {
  return (
    <div>
      <dt>{term}</dt>
      <dd>{children}</dd>
      {below && <dd className={s.below}>{below}</dd>}
    </div>
  );
}

/** A description list. */
export const Pairs = ({ children }: { children: ReactNode }) => (
  <dl className={s.pairs}>{children}</dl>
);
export const Pair = ({ term, children }: { term: ReactNode; children: ReactNode }) => (
  <>
    <dt>{term}</dt>
    <dd>{children}</dd>
  </>
);
