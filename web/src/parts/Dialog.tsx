import { lazy, type ReactNode, type RefObject, Suspense, useRef } from "react";
import type { Problem } from "../api/problem";

/* Dialogs are loaded when the first one opens, to keep the initial page small. */
const ShownDialog = lazy(() => import("./ShownDialog"));
const ShownConfirm = lazy(() => import("./ShownConfirm"));

export type DialogProps = {
  open: boolean;
  onClose: () => void;
  title: ReactNode;
  narrow?: boolean;
  /** Grows downwards from a fixed top. */
  high?: boolean;
  /** Element that receives the initial focus; by default the first one. */
  focus?: RefObject<HTMLElement | null>;
  /** Buttons, the primary one last. */
  foot?: ReactNode;
  children: ReactNode;
};

/** A dialog; Escape and clicks outside close it. */
export function Dialog(props: DialogProps) {
  return (
    <FromThenOn on={props.open}>
      <ShownDialog {...props} />
    </FromThenOn>
  );
}

export type ConfirmProps = {
  open: boolean;
  onClose: () => void;
  title: ReactNode;
  /** Consequences, shown above the buttons and announced. */
  children: ReactNode;
  /** Label of the button: action and count. */
  confirm: string;
  onConfirm: () => void;
  busy?: boolean;
  /** The consequences are not known yet. */
  disabled?: boolean;
  problem?: Problem | null;
  /** A name to type as confirmation. */
  typed?: string;
};

/** Asks for confirmation. The focus is on Cancel. */
export function Confirm(props: ConfirmProps) {
  return (
    <FromThenOn on={props.open}>
      <ShownConfirm {...props} />
    </FromThenOn>
  );
}

/** Renders nothing until it is opened for the first time. */
export function FromThenOn({ on, children }: { on: boolean; children: ReactNode }) {
  const opened = useRef(on);
  opened.current ||= on;
  return opened.current ? <Suspense fallback={null}>{children}</Suspense> : null;
}
