import { AlertDialog } from "@base-ui/react/alert-dialog";
import { Dialog as Base } from "@base-ui/react/dialog";
import { type ReactNode, useRef, useState } from "react";
import type { Problem } from "../api/problem";
import { text } from "../text";
import { Button } from "./Button";
import { cx } from "./class";
import s from "./Dialog.module.css";
import { Field } from "./Field";
import { Failure } from "./Loaded";

type DialogProps = {
  open: boolean;
  onClose: () => void;
  title: ReactNode;
  narrow?: boolean;
  /** Buttons, the one that does it last. */
  foot?: ReactNode;
  children: ReactNode;
};

export function Dialog({ open, onClose, title, narrow, foot, children }: DialogProps) {
  return (
    <Base.Root open={open} onOpenChange={(next) => !next && onClose()}>
      <Base.Portal>
        <Base.Backdrop className={s.scrim} />
        <Base.Viewport className={s.place}>
          <Base.Popup className={cx(s.dialog, narrow && s.narrow)}>
            <Base.Title className={s.title}>{title}</Base.Title>
            <div className={s.body}>{children}</div>
            {foot && <div className={s.foot}>{foot}</div>}
          </Base.Popup>
        </Base.Viewport>
      </Base.Portal>
    </Base.Root>
  );
}

type ConfirmProps = {
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
    <AlertDialog.Root open={props.open} onOpenChange={(next) => !next && props.onClose()}>
      <AlertDialog.Portal>
        <AlertDialog.Backdrop className={s.scrim} />
        <AlertDialog.Viewport className={s.place}>
          <ConfirmPopup {...props} />
        </AlertDialog.Viewport>
      </AlertDialog.Portal>
    </AlertDialog.Root>
  );
}

function ConfirmPopup(props: ConfirmProps) {
  const cancel = useRef<HTMLButtonElement>(null);
  const [typed, setTyped] = useState("");
  const named = !props.typed || typed === props.typed;
  return (
    <AlertDialog.Popup className={s.dialog} initialFocus={cancel}>
      <AlertDialog.Title className={s.title}>{props.title}</AlertDialog.Title>
      <div className={s.body}>
        <AlertDialog.Description render={<div />} className={s.effect}>
          {props.children}
        </AlertDialog.Description>
        {props.typed && (
          <Field
            label={text.shared.typeToConfirm(props.typed)}
            mono
            value={typed}
            onChange={(event) => setTyped(event.target.value)}
          />
        )}
        <Failure problem={props.problem} />
      </div>
      <div className={s.foot}>
        <Button ref={cancel} onClick={props.onClose}>
          {text.shared.cancel}
        </Button>
        <Button
          kind="danger"
          busy={props.busy}
          disabled={!named || props.disabled}
          onClick={props.onConfirm}
        >
          {props.confirm}
        </Button>
      </div>
    </AlertDialog.Popup>
  );
}
