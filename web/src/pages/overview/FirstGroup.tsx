import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { answer, api } from "../../api/client";
import { renew } from "../../api/query";
import { Button } from "../../parts/Button";
import { Field, Form } from "../../parts/Field";
import { Failure } from "../../parts/Loaded";
import { text } from "../../text";
import s from "./Start.module.css";

const words = text.overview.start;

export function FirstGroup({ onMade }: { onMade: (name: string) => void }) {
  const [name, setName] = useState("team");
  const create = useMutation({
    mutationFn: () => answer(api.POST("/api/groups", { body: { name: name.trim() } })),
    onSuccess: (group) => {
      onMade(group.name);
      void renew("/api/groups");
    },
  });
  return (
    <Form onSend={() => name.trim() && create.mutate()} busy={create.isPending}>
      <div className={s.form}>
        <Field
          label={words.groupLabel}
          mono
          value={name}
          onChange={(event) => setName(event.target.value)}
        />
        <Button type="submit" kind="primary" busy={create.isPending} disabled={!name.trim()}>
          {words.create}
        </Button>
      </div>
      <Failure problem={create.error} />
    </Form>
  );
}
