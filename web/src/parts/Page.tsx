import { ChevronRight } from "lucide-react";
import { Fragment, type ReactNode, useEffect } from "react";
import { Link } from "wouter";
import { cx } from "./class";
import { Icon } from "./Icon";
import s from "./Page.module.css";

type Crumb = { name: string; href: string };
type PageProps = {
  /** Title of the window, and of the page unless `heading` is set. */
  title: string;
  heading?: ReactNode;
  /** From the root; the last entry is the current page without a link. */
  crumbs?: Crumb[];
  lead?: ReactNode;
  actions?: ReactNode;
  children: ReactNode;
};

export function Page({ title, heading, crumbs = [], lead, actions, children }: PageProps) {
  useEffect(() => {
    document.title = `${title} · Refity`;
  }, [title]);
  return (
    <>
      {crumbs.length > 0 && (
        <nav className={s.crumbs} aria-label="Breadcrumbs">
          {crumbs.map(({ name, href }, at) => (
            <Fragment key={href}>
              {at > 0 && <Icon of={ChevronRight} size={14} />}
              {at === crumbs.length - 1 ? (
                <span aria-current="page">{name}</span>
              ) : (
                <Link href={href}>{name}</Link>
              )}
            </Fragment>
          ))}
        </nav>
      )}
      <div className={s.head}>
        <div>
          <h1>{heading ?? title}</h1>
          {lead && <div className={s.lead}>{lead}</div>}
        </div>
        {actions && <div className={s.actions}>{actions}</div>}
      </div>
      <Stack>{children}</Stack>
    </>
  );
}

/** A vertical stack. */
export const Stack = ({ children, tight }: { children: ReactNode; tight?: boolean }) => (
  <div className={cx(s.stack, tight && s.tight)}>{children}</div>
);
/** A wide and a narrow column, stacked on small screens. */
export const Columns = ({ children, even }: { children: ReactNode; even?: boolean }) => (
  <div className={cx(s.columns, even && s.even)}>{children}</div>
);
