import { useMutation } from "@tanstack/react-query";
import { RefreshCw } from "lucide-react";
import { useState } from "react";
import { answer, api, type Schemas } from "../../api/client";
import { renew } from "../../api/query";
import { Button } from "../../parts/Button";
import { Field, Select } from "../../parts/Field";
import { FormDialog } from "../../parts/FormDialog";
import { say } from "../../parts/Toast";
import { text } from "../../text";
import { newPassword } from "./password";

const words = text.users.create;

/** Shows a password once, to hand it over. */
export type Handed = { title: string; user: string; password: string };

type NewUserProps = { onClose: () => void; onHand: (handed: Handed) => void };

export function NewUser({ onClose, onHand }: NewUserProps) {
  const [name, setName] = useState("");
  const [role, setRole] = useState<Schemas["RoleWord"]>("user");
  const [password, setPassword] = useState(newPassword);
  const ready = name.trim() !== "" && [...password].length >= 8;
  const create = useMutation({
    mutationFn: () =>
      answer(
        api.POST("/api/users", {
          body: { name: name.trim(), password, role, must_change_password: true },
        }),
      ),
    onSuccess: (made) => {
      onClose();
      onHand({ title: words.secret(made.name), user: made.name, password });
      say(words.created(made.name));
      return renew("/api/users");
    },
  });
  return (
    <FormDialog
      onClose={onClose}
      title={words.title}
      confirm={words.create}
      ready={ready}
      sending={create}
      onSend={() => create.mutate()}
    >
      <Field
        label={words.name}
        hint={words.nameHint}
        maxLength={64}
        value={name}
        onChange={(event) => setName(event.target.value)}
      />
      <PasswordField value={password} onChange={setPassword} />
      <Select
        label={text.users.list.role}
        shown
        value={role}
        onChange={(event) => setRole(event.target.value as Schemas["RoleWord"])}
      >
        <option value="user">{text.users.list.roles.user}</option>
        <option value="admin">{text.users.list.roles.admin}</option>
      </Select>
    </FormDialog>
  );
}

type PasswordProps = { value: string; onChange: (password: string) => void };

/** In plain text: the user has to change it at the first sign-in. */
export function PasswordField({ value, onChange }: PasswordProps) {
  return (
    <>
      <Field
        label={words.password}
        hint={words.passwordHint}
        mono
        maxLength={256}
        value={value}
        onChange={(event) => onChange(event.target.value)}
      />
      <div>
        <Button small icon={RefreshCw} onClick={() => onChange(newPassword())}>
          {words.another}
        </Button>
      </div>
    </>
  );
}
