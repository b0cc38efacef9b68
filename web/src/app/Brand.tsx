import { Link } from "wouter";
import { to } from "./paths";
import s from "./Shell.module.css";

/** The logo: three stacked layers. */
export const Mark = ({ size = 22 }: { size?: number }) => (
  <svg viewBox="0 0 24 24" width={size} height={size} aria-hidden="true">
    <rect width="24" height="24" rx="6" fill="var(--text)" />
    <g fill="none" stroke="var(--bg)" strokeLinecap="round" strokeLinejoin="round">
      <path d="M6 11.6l6 2.8 6-2.8M6 15.2l6 2.8 6-2.8" strokeWidth="1.6" strokeOpacity=".6" />
      <path d="m12 5.200 6 2.800-6 2.800L6 8z" fill="var(--bg)" strokeWidth="1.2" />
    </g>
  </svg>
);

export function Brand({ below }: { below?: string }) {
  return (
    <Link
      href={to.overview}
      className={s.brand}
      aria-label={["Refity", below].filter(Boolean).join(" ")}
    >
      <Mark />
      <span className={s.brandWord}>
        <b>Refity</b> {below && <small title={below}>{below}</small>}
      </span>
    </Link>
  );
}
