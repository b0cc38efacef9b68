import type { ReactNode } from "react";
import type { Problem } from "../api/problem";
import { text } from "../text";
import { Button } from "./Button";
import { Dialog } from "./Dialog";
import { Form } from "./Field";
import { Failure } from "./Loaded";

type FormDialogProps = {
  title: ReactNode;
  onClose: () => void;
  /** What the button does that sends. */
  confirm: string;
  /** Whether all is there that is needed. */
  ready?: boolean;
  /** How it goes. */
  sending: { isPending: boolean; error: Problem | null };
  onSend: () => void;
  /** Another way to end it, before Cancel. */
  instead?: ReactNode;
  children: ReactNode;
};

/** A form in a dialog: Enter sends it once, and what fails is said below it. */
export function FormDialog({ ready = true, sending, onSend, ...props }: FormDialogProps) {
  const send = () => {
    if (ready) onSend();
  };
  return (
    <Dialog
      open
      onClose={props.onClose}
      title={props.title}
      foot={
        <>
          {props.instead}
          <Button onClick={props.onClose}>{text.shared.cancel}</Button>
          <Button kind="primary" disabled={!ready} busy={sending.isPending} onClick={send}>
            {props.confirm}
          </Button>
        </>
      }
    >
      <Form onSend={send} busy={sending.isPending}>
        {props.children}
      </Form>
      <Failure problem={sending.error} />
    </Dialog>
  );
}
