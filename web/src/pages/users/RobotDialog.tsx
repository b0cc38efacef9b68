import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { answer, api } from "../../api/client";
import { renew } from "../../api/query";
import { ExpiryField } from "../../parts/Expiry";
import { endOf } from "../../parts/expiry";
import { Field } from "../../parts/Field";
import { FormDialog } from "../../parts/FormDialog";
import { areScopesComplete, ScopesField } from "../../parts/ScopesField";
import { say } from "../../parts/Toast";
import { text } from "../../text";
import type { Robot, WithSecret } from "./RobotList";

const words = text.users;

type RobotProps = {
  group: string;
  /** The robot to edit; creates one if unset. */
  robot?: Robot;
  onClose: () => void;
  onSecret: (shown: WithSecret) => void;
};

/** Edits name, access and expiry of a robot. */
export function RobotDialog({ group, robot, onClose, onSecret }: RobotProps) {
  const [own, setOwn] = useState("");
  const [description, setDescription] = useState(robot?.description ?? "");
  const [scopes, setScopes] = useState(
    robot?.scopes ?? [{ repositories: `${group}/*`, rights: ["pull" as const] }],
  );
  const [expiry, setExpiry] = useState({ choice: "90", day: "" });
  const name = robot?.name ?? `${group}+${own}`;
  const ready =
    areScopesComplete(scopes) && (robot || (own !== "" && endOf(expiry, Date.now()) !== undefined));

  const save = useMutation({
    mutationFn: async () => {
      if (robot) {
        const params = { path: { name } };
        await answer(api.PATCH("/api/robots/{name}", { params, body: { description, scopes } }));
        return null;
      }
      const expires_at = endOf(expiry, Date.now());
      return answer(api.POST("/api/robots", { body: { name, description, scopes, expires_at } }));
    },
    onSuccess: (made) => {
      onClose();
      if (made) onSecret(made);
      say(made ? words.robots.created(name) : words.robots.changed(name));
      return renew("/api/robots", "/api/robots/{name}");
    },
  });

  return (
    <FormDialog
      onClose={onClose}
      title={robot ? words.changeRobot.title(name) : words.newRobot.title(group)}
      confirm={robot ? words.changeRobot.save : words.newRobot.create}
      ready={Boolean(ready)}
      sending={save}
      onSend={() => save.mutate()}
    >
      {!robot && (
        <Field
          label={words.newRobot.name}
          hint={words.newRobot.nameHint(`${group}+${own || "ci"}`)}
          mono
          maxLength={64}
          value={own}
          onChange={(event) => setOwn(event.target.value.trim())}
        />
      )}
      <Field
        label={words.newRobot.description}
        maxLength={256}
        value={description}
        onChange={(event) => setDescription(event.target.value)}
      />
      <ScopesField value={scopes} onChange={setScopes} example={group} />
      {!robot && <ExpiryField value={expiry} onChange={setExpiry} />}
    </FormDialog>
  );
}
