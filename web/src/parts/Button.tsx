import type { LucideIcon } from "lucide-react";
import type { ButtonHTMLAttributes, ReactNode, Ref } from "react";
import { Link } from "wouter";
import s from "./Button.module.css";
import { cx } from "./class";
import { Icon } from "./Icon";

type Kind = "primary" | "plain" | "link" | "danger" | "dangerQuiet";
type Look = { kind?: Kind; small?: boolean; wide?: boolean; icon?: LucideIcon };

const look = ({ kind, small, wide }: Look, more?: string) =>
  cx(s.button, kind && s[kind], small && s.small, wide && s.wide, more);

type ButtonProps = Look &
  ButtonHTMLAttributes<HTMLButtonElement> & {
    /** In progress: ignores further clicks. */
    busy?: boolean;
    ref?: Ref<HTMLButtonElement>;
  };

export function Button({ kind, small, wide, icon, busy, children, ...rest }: ButtonProps) {
  return (
    <button
      type="button"
      {...rest}
      // Disabling the button would lose the keyboard focus.
      aria-busy={busy || undefined}
      aria-disabled={busy || undefined}
      onClick={busy ? (event) => event.preventDefault() : rest.onClick}
      className={look({ kind, small, wide }, rest.className)}
    >
      {icon && <Icon of={icon} />}
      {children}
    </button>
  );
}

/** A square icon button with a label for screen readers. */
export function IconButton({ label, icon, kind, small, ...rest }: ButtonProps & { label: string }) {
  return (
    <button
      type="button"
      title={label}
      aria-label={label}
      {...rest}
      className={cx(look({ kind, small }), s.square, rest.className)}
    >
      {icon && <Icon of={icon} />}
    </button>
  );
}

export function LinkButton({
  href,
  children,
  icon,
  ...rest
}: Look & { href: string; children: ReactNode }) {
  return (
    <Link href={href} className={look(rest)}>
      {icon && <Icon of={icon} />}
      {children}
    </Link>
  );
}
