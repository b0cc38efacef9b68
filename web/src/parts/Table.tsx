import { ArrowDown, ArrowUp } from "lucide-react";
import type { ReactNode } from "react";
import { cx } from "./class";
import { Icon } from "./Icon";
import s from "./Table.module.css";
import { ForReaders } from "./Text";

/*
 * On a phone each row becomes a card: name and state on the first line, the rest as labelled
 * values. Elements with another display lose their table roles, so the roles are explicit.
 */

type TableProps = {
  label: string;
  head: ReactNode;
  compact?: boolean;
  /** Names are short: on wide screens all columns share the remaining width. */
  even?: boolean;
  children: ReactNode;
};

export function Table({ label, head, compact, even, children }: TableProps) {
  const classes = cx(s.table, compact && s.compact, even && s.even);
  return (
    // biome-ignore lint/a11y/noRedundantRoles: see above
    <table className={classes} role="table" aria-label={label}>
      {/* biome-ignore lint/a11y/noRedundantRoles: see above */}
      <thead role="rowgroup">
        {/* biome-ignore lint/a11y/noRedundantRoles: see above */}
        <tr role="row">{head}</tr>
      </thead>
      {/* biome-ignore lint/a11y/noRedundantRoles: see above */}
      <tbody role="rowgroup">{children}</tbody>
    </table>
  );
}

type HeadProps = { children?: ReactNode; num?: boolean; tight?: boolean; middle?: boolean };

export function Th({ children, num, tight, middle }: HeadProps) {
  return (
    // biome-ignore lint/a11y/noRedundantRoles: see above
    <th role="columnheader" scope="col" className={headClass({ num, tight, middle })}>
      {children}
    </th>
  );
}
const headClass = ({ num, tight, middle }: HeadProps) =>
  cx(num && s.num, tight && s.tight, middle && s.middle);

export type Order = "asc" | "desc";
type SortProps = HeadProps & {
  /** Current order, if the list is sorted by this column. */
  order: Order | null;
  onSort: () => void;
};

/** A column header that sorts the list or reverses the order. */
export function SortTh({ children, order, onSort, ...rest }: SortProps) {
  const sort = order && ({ asc: "ascending", desc: "descending" } as const)[order];
  return (
    // biome-ignore lint/a11y/noRedundantRoles: see above
    <th role="columnheader" scope="col" aria-sort={sort ?? undefined} className={headClass(rest)}>
      <button type="button" className={s.sort} onClick={onSort}>
        {children}
        {order && <Icon of={order === "asc" ? ArrowUp : ArrowDown} size={12} />}
      </button>
    </th>
  );
}

/** Header of a column with menus. */
export const MenuTh = ({ label }: { label: string }) => (
  <Th tight>
    <ForReaders>{label}</ForReaders>
  </Th>
);

export function Row({ picked, children }: { picked?: boolean; children: ReactNode }) {
  return (
    // biome-ignore lint/a11y/noRedundantRoles: see above
    <tr role="row" className={cx(picked && s.picked)}>
      {children}
    </tr>
  );
}

type CellProps = {
  /** Label of the value on a card. */
  label?: string;
  /** The row's name; takes the remaining width. */
  name?: boolean;
  /** The row's state; next to the name on a card. */
  state?: boolean;
  num?: boolean;
  muted?: boolean;
  tight?: boolean;
  /** Hidden on narrow screens, but shown on a card. */
  middle?: boolean;
  /** Hidden on a card. */
  noCard?: boolean;
  /** On its own line on a card. */
  wide?: boolean;
  /** A row's menu or checkbox, in the corner of a card. */
  corner?: "menu" | "check";
  children?: ReactNode;
};

export function Cell({ label, children, corner, ...is }: CellProps) {
  const classes = cx(
    is.name && s.name,
    is.state && s.state,
    is.num && s.num,
    is.muted && s.muted,
    (is.tight || corner) && s.tight,
    is.middle && s.middle,
    is.noCard && s.noCard,
    is.wide && s.wide,
    corner === "menu" && s.menu,
    corner === "check" && s.check,
  );
  return (
    // biome-ignore lint/a11y/noRedundantRoles: see above
    <td role="cell" className={classes} data-label={label}>
      {children}
    </td>
  );
}
