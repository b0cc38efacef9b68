import { Ellipsis, type LucideIcon } from "lucide-react";
import {
  type CSSProperties,
  cloneElement,
  type KeyboardEvent,
  type ReactElement,
  useEffect,
  useLayoutEffect,
  useRef,
  useState,
} from "react";
import { createPortal } from "react-dom";
import { IconButton } from "./Button";
import { cx } from "./class";
import { Icon } from "./Icon";
import s from "./Menu.module.css";

/*
 * Implements the menu button pattern of the ARIA Authoring Practices. The library's menu adds 26 kB
 * of positioning code that is not needed here.
 */

export type MenuItem =
  | {
      icon: LucideIcon;
      name: string;
      onChoose: () => void;
      danger?: boolean;
      disabled?: boolean;
    }
  | "separator"
  | false;

type MenuProps = {
  label: string;
  /** Icon of the button; three dots by default. */
  trigger?: ReactElement<Record<string, unknown>>;
  small?: boolean;
  items: MenuItem[];
};

/** A button that opens a menu. */
export function Menu({ label, trigger, small, items }: MenuProps) {
  const [open, setOpen] = useState(false);
  const opener = useRef<HTMLButtonElement>(null);
  const button = trigger ?? (
    <IconButton kind={small ? "plain" : undefined} small={small} icon={Ellipsis} label={label} />
  );
  const close = (refocus: boolean) => {
    setOpen(false);
    if (refocus) opener.current?.focus();
  };
  return (
    <>
      {cloneElement(button, {
        ref: opener,
        "aria-haspopup": "menu",
        "aria-expanded": open,
        onClick: () => setOpen(!open),
      })}
      {open &&
        createPortal(
          <Popup label={label} opener={opener} items={items} onClose={close} />,
          document.body,
        )}
    </>
  );
}

type PopupProps = {
  label: string;
  opener: { current: HTMLElement | null };
  items: MenuItem[];
  onClose: (refocus: boolean) => void;
};

const choices = (menu: HTMLElement | null) => [
  ...(menu?.querySelectorAll<HTMLElement>("[role=menuitem]:not([aria-disabled])") ?? []),
];

function Popup({ label, opener, items, onClose }: PopupProps) {
  const menu = useRef<HTMLDivElement>(null);
  const [place, setPlace] = useState<CSSProperties>({ visibility: "hidden" });
  const closing = useRef(onClose);
  closing.current = onClose;

  useLayoutEffect(() => {
    const [button, box] = [opener.current, menu.current].map((it) => it?.getBoundingClientRect());
    if (button && box) setPlace(beside(button, box));
  }, [opener]);

  useEffect(() => {
    if (place.visibility !== "hidden") choices(menu.current)[0]?.focus();
  }, [place]);

  useEffect(() => {
    const elsewhere = ({ target }: Event) => {
      // The target of `resize` is the window, not a node.
      const inside =
        target instanceof Node &&
        (menu.current?.contains(target) || opener.current?.contains(target));
      if (!inside) closing.current(false);
    };
    document.addEventListener("pointerdown", elsewhere);
    document.addEventListener("scroll", elsewhere, true);
    addEventListener("resize", elsewhere);
    return () => {
      document.removeEventListener("pointerdown", elsewhere);
      document.removeEventListener("scroll", elsewhere, true);
      removeEventListener("resize", elsewhere);
    };
  }, [opener]);

  const press = (event: KeyboardEvent) => {
    const all = choices(menu.current);
    const at = all.indexOf(document.activeElement as HTMLElement);
    const next = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: -1 }[event.key];
    if (next !== undefined) all.at(next % all.length)?.focus();
    else if (event.key === "Escape" || event.key === "Tab") onClose(true);
    else return;
    event.preventDefault();
  };

  return (
    <div
      ref={menu}
      role="menu"
      aria-label={label}
      className={s.menu}
      style={place}
      onKeyDown={press}
      tabIndex={-1}
    >
      {items.map((item, at) => {
        if (!item) return null;
        if (item === "separator") return <hr key={at} className={s.separator} />;
        return (
          <button
            key={item.name}
            type="button"
            role="menuitem"
            tabIndex={-1}
            aria-disabled={item.disabled || undefined}
            className={cx(s.item, item.danger && s.danger)}
            onClick={() => {
              if (item.disabled) return;
              // First, so that a dialog returns the focus to the button.
              onClose(true);
              item.onChoose();
            }}
          >
            <Icon of={item.icon} />
            {item.name}
          </button>
        );
      })}
    </div>
  );
}

const GAP = 4;

/** Below the button, or above if there is no space; within the window. */
function beside(button: DOMRect, box: DOMRect): CSSProperties {
  const below = button.bottom + GAP + box.height <= innerHeight;
  const top = below ? button.bottom + GAP : Math.max(GAP, button.top - GAP - box.height);
  const left = Math.min(Math.max(GAP, button.right - box.width), innerWidth - box.width - GAP);
  return { top, left };
}
