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
  /** It came while the page was there: readers shall hear it. */
  live?: boolean;
};

/** What happened, what it means, and beside it the way out. */
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

/** What stands where there is nothing, and how to change that. */
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
