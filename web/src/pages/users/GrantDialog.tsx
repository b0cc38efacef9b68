import { useMutation } from "@tanstack/react-query";
import { useId, useState } from "react";
import { answer, api, type Schemas } from "../../api/client";
import { renew, useGet } from "../../api/query";
import { type Right, useMe } from "../../app/session";
import { Button } from "../../parts/Button";
import { Field } from "../../parts/Field";
import { FormDialog } from "../../parts/FormDialog";
import { RightsPicker, rightsInWords, Scopes } from "../../parts/Rights";
import { Small } from "../../parts/Text";
import { say } from "../../parts/Toast";
import { text } from "../../text";

const words = text.users.grant;

export type Grant = Schemas["Grant"];

type GrantProps = {
  /** User and place, as far as they are fixed. */
  user?: string;
  group?: string;
  /** Null for the whole group. */
  repository?: string | null;
  /** Rights that are already granted. */
  grants: Grant[];
  onClose: () => void;
};

/** Grants or revokes rights on a group or on one of its repositories. */
export function GrantDialog({ grants, onClose, ...start }: GrantProps) {
  const [user, setUser] = useState(start.user ?? "");
  const [group, setGroup] = useState(start.group ?? "");
  const [repository, setRepository] = useState(start.repository ?? "");
  const [chosen, setChosen] = useState<Right[] | null>(null);
  const theirs = grants.filter((it) => it.user === user && it.group === group);
  const before = theirs.find((it) => (it.repository ?? "") === repository)?.rights ?? [];
  const rights = chosen ?? before;
  const place = repository || group;
  const single = theirs.filter((it) => it.repository);

  const give = useMutation({
    mutationFn: (rights: Right[]) =>
      answer(
        api.PUT("/api/grants", {
          body: { user, group, repository: repository || undefined, rights },
        }),
      ),
    onSuccess: (_, rights) => {
      onClose();
      const said = rightsInWords(rights);
      say(said ? words.given(user, said, place) : words.taken(user, place));
      return renew("/api/grants", "/api/users");
    },
  });
  const ready = user !== "" && group !== "" && (rights.length > 0 || before.length > 0);
  // The rights depend on the place.
  const change = (set: (name: string) => void) => (name: string) => {
    set(name);
    setChosen(null);
  };

  return (
    <FormDialog
      onClose={onClose}
      title={
        start.user
          ? words.titleOf(start.user, start.repository ?? start.group)
          : words.title(start.group)
      }
      confirm={words.save}
      ready={ready}
      sending={give}
      onSend={() => give.mutate(rights)}
      instead={
        before.length > 0 && (
          <Button kind="dangerQuiet" disabled={give.isPending} onClick={() => give.mutate([])}>
            {words.take}
          </Button>
        )
      }
    >
      {!start.user && <UserField value={user} onChange={change(setUser)} />}
      {!start.group && <GroupField value={group} onChange={change(setGroup)} />}
      {start.repository === undefined && (
        <Field
          label={words.repository}
          hint={words.repositoryHint}
          mono
          placeholder={`${group || "team"}/app`}
          value={repository}
          onChange={(event) => change(setRepository)(event.target.value.trim())}
        />
      )}
      {start.repository === undefined && single.length > 0 && (
        <div>
          <Small>{words.also}</Small>
          <Scopes
            of={single.map(({ repository, rights }) => ({
              repositories: repository ?? "",
              rights,
            }))}
          />
        </div>
      )}
      <RightsPicker value={rights} onChange={setChosen} />
      <Small>{words.replaces}</Small>
    </FormDialog>
  );
}

type NameProps = { value: string; onChange: (name: string) => void };

/** Suggestions of a field. */
const OFFERED = 20;

/** Only administrators can list accounts. */
function UserField({ value, onChange }: NameProps) {
  const { admin } = useMe();
  const id = useId();
  const query = { q: value || undefined, limit: OFFERED };
  const { data } = useGet("/api/users", { params: { query } }, { enabled: admin });
  return (
    <>
      <Field
        label={words.user}
        hint={words.userHint}
        list={id}
        value={value}
        onChange={(event) => onChange(event.target.value.trim())}
      />
      <datalist id={id}>
        {data?.items.map((account) => (
          <option key={account.id} value={account.name} />
        ))}
      </datalist>
    </>
  );
}

function GroupField({ value, onChange }: NameProps) {
  const id = useId();
  const query = { q: value || undefined, limit: OFFERED };
  const { data } = useGet("/api/groups", { params: { query } });
  return (
    <>
      <Field
        label={words.group}
        mono
        list={id}
        value={value}
        onChange={(event) => onChange(event.target.value.trim())}
      />
      <datalist id={id}>
        {data?.items.map((group) => (
          <option key={group.name} value={group.name} />
        ))}
      </datalist>
    </>
  );
}
