import { useMutation } from "@tanstack/react-query";
import { Plus, Settings, Trash2 } from "lucide-react";
import { useState } from "react";
import { useLocation } from "wouter";
import { answer, api } from "../../api/client";
import { renew } from "../../api/query";
import { to } from "../../app/paths";
import { useMe } from "../../app/session";
import { Button } from "../../parts/Button";
import { Confirm } from "../../parts/Dialog";
import { CheckLine, Field } from "../../parts/Field";
import { FormDialog } from "../../parts/FormDialog";
import { Menu } from "../../parts/Menu";
import { say } from "../../parts/Toast";
import { text } from "../../text";
import type { GroupRow } from "./Repositories";

const words = text.group;
type Open = "repository" | "settings" | "removal" | null;
type DialogProps = { group: GroupRow; onClose: () => void };

/** Actions for managers of a group and for administrators. */
export function GroupActions({ group, manages }: { group: GroupRow; manages: boolean }) {
  const me = useMe();
  const [open, setOpen] = useState<Open>(null);
  if (!manages) return null;
  const onClose = () => setOpen(null);
  return (
    <>
      <Button icon={Plus} onClick={() => setOpen("repository")}>
        {words.create}
      </Button>
      <Button icon={Settings} onClick={() => setOpen("settings")}>
        {words.settings}
      </Button>
      {me.admin && (
        <Menu
          label={words.more}
          items={[
            { icon: Trash2, name: words.remove, danger: true, onChoose: () => setOpen("removal") },
          ]}
        />
      )}
      {/* Dialogs start with fresh state when opened. */}
      {open === "repository" && <NewRepository group={group} onClose={onClose} />}
      {open === "settings" && <GroupSettings group={group} onClose={onClose} />}
      <Removal group={group} open={open === "removal"} onClose={onClose} />
    </>
  );
}

function NewRepository({ group, onClose }: DialogProps) {
  const [, go] = useLocation();
  const [name, setName] = useState("");
  const whole = `${group.name}/${name.trim()}`;
  const create = useMutation({
    mutationFn: () => answer(api.POST("/api/repos", { body: { name: whole } })),
    onSuccess: () => {
      void renew("/api/repos", "/api/groups");
      say(words.made(whole));
      go(to.repository(whole));
    },
  });
  return (
    <FormDialog
      onClose={onClose}
      title={words.repositoryDialog.title(group.name)}
      confirm={words.repositoryDialog.confirm}
      ready={name.trim() !== ""}
      sending={create}
      onSend={() => create.mutate()}
    >
      <Field
        label={words.repositoryDialog.name}
        hint={words.repositoryDialog.hint}
        mono
        value={name}
        onChange={(event) => setName(event.target.value)}
      />
    </FormDialog>
  );
}

function GroupSettings({ group, onClose }: DialogProps) {
  const [isPublic, setPublic] = useState(group.public);
  const [createOnPush, setCreateOnPush] = useState(group.create_on_push);
  const save = useMutation({
    mutationFn: () =>
      answer(
        api.PATCH("/api/groups/{group}", {
          params: { path: { group: group.name } },
          body: { public: isPublic, create_on_push: createOnPush },
        }),
      ),
    onSuccess: () => {
      void renew("/api/groups");
      say(words.saved(group.name));
      onClose();
    },
  });
  return (
    <FormDialog
      onClose={onClose}
      title={words.settingsDialog.title(group.name)}
      confirm={text.shared.save}
      sending={save}
      onSend={() => save.mutate()}
    >
      <CheckLine
        hint={words.settingsDialog.publicHint}
        checked={isPublic}
        onChange={(event) => setPublic(event.target.checked)}
      >
        {words.settingsDialog.public}
      </CheckLine>
      <CheckLine
        hint={words.settingsDialog.createOnPushHint}
        checked={createOnPush}
        onChange={(event) => setCreateOnPush(event.target.checked)}
      >
        {words.settingsDialog.createOnPush}
      </CheckLine>
    </FormDialog>
  );
}

function Removal({ group, open, onClose }: DialogProps & { open: boolean }) {
  const [, go] = useLocation();
  const full = group.repositories > 0;
  const remove = useMutation({
    mutationFn: () =>
      answer(api.DELETE("/api/groups/{group}", { params: { path: { group: group.name } } })),
    onSuccess: () => {
      go(to.groups);
      void renew("/api/groups", "/api/overview");
      say(words.removed(group.name));
    },
  });
  return (
    <Confirm
      open={open}
      onClose={onClose}
      title={words.removal.title(group.name)}
      confirm={words.removal.confirm}
      disabled={full}
      busy={remove.isPending}
      problem={remove.error}
      onConfirm={() => remove.mutate()}
    >
      <p>{full ? words.removal.full(group.repositories) : words.removal.effect}</p>
    </Confirm>
  );
}
