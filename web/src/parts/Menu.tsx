import { Ellipsis, type LucideIcon } from "lucide-react";
import { cloneElement, lazy, type ReactElement, type ReactNode, Suspense, useState } from "react";
import { IconButton } from "./Button";

const ShownMenu = lazy(() => import("./ShownMenu"));

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

export type MenuProps = {
  label: string;
  /** What opens it; three dots where nothing else is given. */
  trigger?: ReactElement<Record<string, unknown>>;
  small?: boolean;
  items: MenuItem[];
};

/** A button that opens a menu, which is loaded when the first one is opened. */
export function Menu({ label, trigger, small, items }: MenuProps): ReactNode {
  const [wanted, setWanted] = useState(false);
  const button = trigger ?? <IconButton kind="plain" small={small} icon={Ellipsis} label={label} />;
  const closed = cloneElement(button, {
    "aria-haspopup": "menu",
    "aria-expanded": false,
    onClick: () => setWanted(true),
  });
  if (!wanted) return closed;
  return (
    <Suspense fallback={closed}>
      <ShownMenu label={label} trigger={button} items={items} />
    </Suspense>
  );
}
