import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { answer, api, type Schemas } from "../../api/client";
import { renew } from "../../api/query";
import { useMe } from "../../app/session";
import { ExpiryField } from "../../parts/Expiry";
import { endOf } from "../../parts/expiry";
import { Field, Select } from "../../parts/Field";
import { FormDialog } from "../../parts/FormDialog";
import { areScopesComplete, ScopesField } from "../../parts/ScopesField";
import { say } from "../../parts/Toast";
import { text } from "../../text";

const words = text.settings.tokens;

type Made = Schemas["MadeToken"];
type NewTokenProps = { onClose: () => void; onMade: (made: Made) => void };

/** Asks for name, access and expiry of a token. */
export function NewToken({ onClose, onMade }: NewTokenProps) {
  const me = useMe();
  const group = me.groups[0]?.name ?? "team";
  const [name, setName] = useState("");
  const [narrowed, setNarrowed] = useState(false);
  const [scopes, setScopes] = useState<Schemas["ScopeWords"][]>([
    { repositories: `${group}/*`, rights: ["pull"] },
  ]);
  const [expiry, setExpiry] = useState({ choice: "90", day: "" });
  const ready =
    name.trim() !== "" &&
    endOf(expiry, Date.now()) !== undefined &&
    (!narrowed || areScopesComplete(scopes));

  const make = useMutation({
    mutationFn: () =>
      answer(
        api.POST("/api/tokens", {
          body: {
            name: name.trim(),
            scopes: narrowed ? scopes : undefined,
            expires_at: endOf(expiry, Date.now()),
          },
        }),
      ),
    onSuccess: (made) => {
      onMade(made);
      say(words.madeToast(made.name));
      return renew("/api/tokens");
    },
  });

  return (
    <FormDialog
      onClose={onClose}
      title={words.make}
      confirm={words.makeIt}
      ready={ready}
      sending={make}
      onSend={() => make.mutate()}
    >
      <Field
        label={words.name}
        hint={words.nameHint}
        maxLength={64}
        value={name}
        onChange={(event) => setName(event.target.value)}
      />
      <Select
        label={words.reach}
        shown
        value={narrowed ? "some" : "all"}
        onChange={(event) => setNarrowed(event.target.value === "some")}
      >
        <option value="all">{text.access.allHint}</option>
        <option value="some">{text.access.some}</option>
      </Select>
      {narrowed && <ScopesField value={scopes} onChange={setScopes} example={group} />}
      <ExpiryField value={expiry} onChange={setExpiry} />
    </FormDialog>
  );
}
