import type { CSSProperties, ReactNode } from "react";
import { bytes } from "../text/format";
import { cx } from "./class";
import s from "./Meter.module.css";

type Look = "a" | "b" | "c" | "d";
export type Share = { part: number; look?: Look };

const style = (p: number) => ({ "--p": p }) as CSSProperties;

type ProgressProps = {
  /** 0 to 1. */
  value: number;
  label: string;
  tone?: "stuck" | "paused" | "sent";
};

/** Progress bar in bytes. Animated with transform to avoid layout. */
export function Progress({ value, label, tone }: ProgressProps) {
  return (
    <div
      className={cx(s.progress, tone && s[tone])}
      role="progressbar"
      aria-label={label}
      aria-valuenow={Math.round(value * 100)}
      aria-valuemin={0}
      aria-valuemax={100}
    >
      <i style={style(value)} />
    </div>
  );
}

type MeterProps = { label: string; total: number; shares: Share[]; thick?: boolean };

/** A stacked bar. */
export function Meter({ label, total, shares, thick }: MeterProps) {
  return (
    <div className={cx(s.meter, thick && s.thick)} role="img" aria-label={label}>
      {shares.map(({ part, look = "a" }) => (
        <i key={look} className={s[look]} style={style(total > 0 ? (part / total) * 100 : 0)} />
      ))}
    </div>
  );
}

/** Bytes in a table, relative to the largest row. */
export const Amount = ({ of, most, label }: { of: number; most: number; label: string }) => (
  <div className={s.amount}>
    <Meter label={`${label}: ${bytes(of)}`} total={most} shares={[{ part: of }]} />
    <span>{bytes(of)}</span>
  </div>
);

/** Legend of a meter. */
export const Legend = ({ children, across }: { children: ReactNode; across?: boolean }) => (
  <ul className={cx(s.legend, across && s.across)}>{children}</ul>
);
export function LegendItem({
  look,
  children,
  value,
}: {
  look: Look | "free";
  children: ReactNode;
  value: ReactNode;
}) {
  return (
    <li className={s[look]}>
      {children}
      <b>{value}</b>
    </li>
  );
}
