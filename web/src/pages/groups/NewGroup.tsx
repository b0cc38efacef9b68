import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { useLocation } from "wouter";
import { answer, api } from "../../api/client";
import { renew } from "../../api/query";
import { to } from "../../app/paths";
import { CheckLine, Field } from "../../parts/Field";
import { FormDialog } from "../../parts/FormDialog";
import { say } from "../../parts/Toast";
import { text } from "../../text";

const words = text.groups.dialog;

export function NewGroup({ onClose }: { onClose: () => void }) {
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
  return (
    <FormDialog
      onClose={onClose}
      title={words.title}
      confirm={words.confirm}
      ready={name.trim() !== ""}
      sending={create}
      onSend={() => create.mutate()}
    >
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
    </FormDialog>
  );
}
