import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { answer, api } from "../../api/client";
import { renew } from "../../api/query";
import { FormDialog } from "../../parts/FormDialog";
import { Muted } from "../../parts/Text";
import { say } from "../../parts/Toast";
import { text } from "../../text";
import { type Handed, PasswordField } from "./NewUser";
import { newPassword } from "./password";

const words = text.users.reset;

type ResetProps = { name: string; onClose: () => void; onHand: (handed: Handed) => void };

/** Resets the password of a user. */
export function ResetPassword({ name, onClose, onHand }: ResetProps) {
  const [password, setPassword] = useState(newPassword);
  const ready = [...password].length >= 8;
  const reset = useMutation({
    mutationFn: () =>
      answer(
        api.PUT("/api/users/{name}/password", {
          params: { path: { name } },
          body: { password, must_change_password: true },
        }),
      ),
    onSuccess: () => {
      onClose();
      onHand({ title: words.secret(name), user: name, password });
      say(words.done(name));
      return renew("/api/users");
    },
  });
  return (
    <FormDialog
      onClose={onClose}
      title={words.title(name)}
      confirm={words.set}
      ready={ready}
      sending={reset}
      onSend={() => reset.mutate()}
    >
      <Muted>{words.effect}</Muted>
      <PasswordField value={password} onChange={setPassword} />
    </FormDialog>
  );
}
