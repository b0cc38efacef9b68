import { AlertDialog } from "@base-ui/react/alert-dialog";
import { useRef, useState } from "react";
import { text } from "../text";
import { Button } from "./Button";
import type { ConfirmProps } from "./Dialog";
import { Field } from "./Field";
import { Failure } from "./Loaded";
import s from "./ShownDialog.module.css";

export default function ShownConfirm(props: ConfirmProps) {
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
