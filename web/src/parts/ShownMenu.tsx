import { Menu as Base } from "@base-ui/react/menu";
import { cx } from "./class";
import { Icon } from "./Icon";
import type { MenuProps } from "./Menu";
import s from "./ShownMenu.module.css";

type ShownMenuProps = MenuProps & { trigger: NonNullable<MenuProps["trigger"]> };

/** It is open at once: it was loaded since somebody opened it. */
export default function ShownMenu({ label, trigger, items }: ShownMenuProps) {
  return (
    <Base.Root defaultOpen>
      <Base.Trigger render={trigger} />
      <Base.Portal>
        <Base.Positioner className={s.place} sideOffset={4} align="end">
          <Base.Popup className={s.menu} aria-label={label}>
            {items.map((item, at) => {
              if (!item) return null;
              if (item === "separator") {
                return <Base.Separator key={at} className={s.separator} />;
              }
              return (
                <Base.Item
                  key={item.name}
                  className={cx(s.item, item.danger && s.danger)}
                  disabled={item.disabled}
                  onClick={item.onChoose}
                >
                  <Icon of={item.icon} />
                  {item.name}
                </Base.Item>
              );
            })}
          </Base.Popup>
        </Base.Positioner>
      </Base.Portal>
    </Base.Root>
  );
}
