import { Bot } from "lucide-react";
import type { ReactNode } from "react";
import { Icon } from "./Icon";
import s from "./Who.module.css";

type WhoProps = {
  name: string;
  robot?: boolean;
  title?: string;
  /** Content beside the name. */
  children?: ReactNode;
};

/** An account's initial, hidden from screen readers. */
export const Face = ({ name }: { name: string }) => (
  <span className={s.face} data-letter={name.slice(0, 1)} />
);

/** The name of an account or robot with its icon. */
export const Who = ({ name, robot, title = name, children }: WhoProps) => (
  <span className={s.who}>
    {robot ? <Icon of={Bot} /> : <Face name={name} />}
    <b title={title}>{name}</b>
    {children}
  </span>
);
