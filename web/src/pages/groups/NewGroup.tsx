import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { useLocation } from "wouter";
import { answer, api } from "../../api/client";
import { renew } from "../../api/query";
import { to } from "../../app/paths";
import { Button } from "../../parts/Button";
import { Dialog } from "../../parts/Dialog";
import { CheckLine, Field, Form } from "../../parts/Field";
import { Failure } from "../../parts/Loaded";
import { say } from "../../parts/Toast";
import { text } from "../../text";

const words = text.groups.dialog;

export function NewGroup({ open, onClose }: { open: boolean; onClose: () => void }) {
  const [, go] = useLocation();
  const [name, setName] = useState("");
  const [isPublic, setPublic] = useState(false);
  const [createOnPush, setCreateOnPush] = useState(true);
  const create = useMutation({
    mutationFn: () =>
      answer(
        api.POST("/api/groups", {
          body: { name: name.trim(), public: isPublic, create_on_push: createOnPush },
        }),
      ),
    onSuccess: () => {
      void renew("/api/groups", "/api/overview");
      say(text.groups.made(name.trim()));
      onClose();
      go(to.group(name.trim()));
    },
  });
  const send = () => name.trim() && create.mutate();
  return (
    <Dialog
      open={open}
      onClose={onClose}
      title={words.title}
      foot={
        <>
          <Button onClick={onClose}>{text.shared.cancel}</Button>
          <Button kind="primary" busy={create.isPending} disabled={!name.trim()} onClick={send}>
            {words.confirm}
          </Button>
        </>
      }
    >
      <Form onSend={send}>
        <Field
          label={words.name}
          hint={words.nameHint}
          mono
          value={name}
          onChange={(event) => setName(event.target.value)}
        />
        <CheckLine
          hint={words.publicHint}
          checked={isPublic}
          onChange={(event) => setPublic(event.target.checked)}
        >
          {words.public}
        </CheckLine>
        <CheckLine
          hint={words.createOnPushHint}
          checked={createOnPush}
          onChange={(event) => setCreateOnPush(event.target.checked)}
        >
          {words.createOnPush}
        </CheckLine>
      </Form>
      <Failure problem={create.error} />
    </Dialog>
  );
}
