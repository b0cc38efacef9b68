import { lazy, type ReactNode, type RefObject, Suspense, useRef } from "react";
import type { Problem } from "../api/problem";

/*
 * A page is there before its dialogs are: they are loaded when the first one
 * opens, so that nobody waits for them who only looks.
 */
const ShownDialog = lazy(() => import("./ShownDialog"));
const ShownConfirm = lazy(() => import("./ShownConfirm"));

export type DialogProps = {
  open: boolean;
  onClose: () => void;
  title: ReactNode;
  narrow?: boolean;
  /** It grows downwards from where it is. */
  high?: boolean;
  /** What gets the focus; else it is what stands first. */
  focus?: RefObject<HTMLElement | null>;
  /** Buttons, the one that does it last. */
  foot?: ReactNode;
  children: ReactNode;
};

/** A dialog; Escape and what is around it close it. */
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
  /** What happens then: it stands before the buttons, and is read out. */
  children: ReactNode;
  /** The button's words: what it does, and to how much. */
  confirm: string;
  onConfirm: () => void;
  busy?: boolean;
  /** What it does is not known yet. */
  disabled?: boolean;
  problem?: Problem | null;
  /** A name that has to be typed first. */
  typed?: string;
};

/** Asks before something goes. The focus is on Cancel. */
export function Confirm(props: ConfirmProps) {
  return (
    <FromThenOn on={props.open}>
      <ShownConfirm {...props} />
    </FromThenOn>
  );
}

/** Nothing, until it is wanted once. */
export function FromThenOn({ on, children }: { on: boolean; children: ReactNode }) {
  const wanted = useRef(on);
  wanted.current ||= on;
  return wanted.current ? <Suspense fallback={null}>{children}</Suspense> : null;
}
