import { CircleX, Info, type LucideIcon, TriangleAlert } from "lucide-react";
import type { ReactNode } from "react";
import { cx } from "./class";
import { Icon } from "./Icon";
import s from "./Notice.module.css";

type NoticeProps = {
  tone?: "warn" | "bad";
  icon?: LucideIcon;
  title: ReactNode;
  children?: ReactNode;
  actions?: ReactNode;
  /** Appeared after the page was loaded: announce it. */
  live?: boolean;
};

/** A notice: what happened, what it means, and an action. */
export function Notice({ tone, icon, title, children, actions, live }: NoticeProps) {
  const drawn = icon ?? (tone === "bad" ? CircleX : tone === "warn" ? TriangleAlert : Info);
  return (
    <div className={cx(s.notice, tone && s[tone])} role={live ? "alert" : undefined}>
      <Icon of={drawn} />
      <div>
        <b>{title}</b> {children}
      </div>
      {actions && <div className={s.actions}>{actions}</div>}
    </div>
  );
}

type EmptyProps = { icon: LucideIcon; title: ReactNode; children?: ReactNode; actions?: ReactNode };

/** An empty state with a hint how to fill it. */
export function Empty({ icon, title, children, actions }: EmptyProps) {
  return (
    <div className={s.empty}>
      <Icon of={icon} size={20} />
      <b>{title}</b>
      {children}
      {actions && <div className={s.emptyActions}>{actions}</div>}
    </div>
  );
}
