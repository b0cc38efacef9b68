import { Bot } from "lucide-react";
import type { ReactNode } from "react";
import { Icon } from "./Icon";
import s from "./Who.module.css";

type WhoProps = {
  name: string;
  robot?: boolean;
  title?: string;
  /** Beside the name. */
  children?: ReactNode;
};

/** An account's first letter, for the eye only. */
export const Face = ({ name }: { name: string }) => (
  <span className={s.face} data-letter={name.slice(0, 1)} />
);

/** An account or a robot by its name. */
export const Who = ({ name, robot, title = name, children }: WhoProps) => (
  <span className={s.who}>
    {robot ? <Icon of={Bot} /> : <Face name={name} />}
    <b title={title}>{name}</b>
    {children}
  </span>
);
