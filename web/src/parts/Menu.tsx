import { Menu as Base } from "@base-ui/react/menu";
import { Ellipsis, type LucideIcon } from "lucide-react";
import type { ReactElement, ReactNode } from "react";
import { IconButton } from "./Button";
import { cx } from "./class";
import { Icon } from "./Icon";
import s from "./Menu.module.css";

type MenuProps = {
  label: string;
  /** What opens it; three dots where nothing else is given. */
  trigger?: ReactElement;
  small?: boolean;
  children: ReactNode;
};

export function Menu({ label, trigger, small, children }: MenuProps) {
  return (
    <Base.Root>
      <Base.Trigger
        render={trigger ?? <IconButton kind="plain" small={small} icon={Ellipsis} label={label} />}
      />
      <Base.Portal>
        <Base.Positioner className={s.place} sideOffset={4} align="end">
          <Base.Popup className={s.menu} aria-label={label}>
            {children}
          </Base.Popup>
        </Base.Positioner>
      </Base.Portal>
    </Base.Root>
  );
}

type ItemProps = {
  icon: LucideIcon;
  onChoose: () => void;
  danger?: boolean;
  disabled?: boolean;
  children: ReactNode;
};

export function MenuItem({ icon, onChoose, danger, disabled, children }: ItemProps) {
  return (
    <Base.Item className={cx(s.item, danger && s.danger)} disabled={disabled} onClick={onChoose}>
      <Icon of={icon} />
      {children}
    </Base.Item>
  );
}

export const MenuSeparator = () => <Base.Separator className={s.separator} />;
