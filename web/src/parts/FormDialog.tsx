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
  /** Label of the submit button. */
  confirm: string;
  /** Whether the form is complete. */
  ready?: boolean;
  /** The mutation that the form starts. */
  sending: { isPending: boolean; error: Problem | null };
  onSend: () => void;
  /** An additional button before Cancel. */
  instead?: ReactNode;
  children: ReactNode;
};

/** A form in a dialog: Enter submits it once, errors appear below it. */
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
