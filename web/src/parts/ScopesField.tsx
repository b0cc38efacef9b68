import { Plus, Trash2 } from "lucide-react";
import { useState } from "react";
import type { Schemas } from "../api/client";
import { text } from "../text";
import { Button, IconButton } from "./Button";
import { CheckLine, Field } from "./Field";
import { withRight } from "./Rights";
import { broughtBy, RIGHTS, whole } from "./rights";
import s from "./ScopesField.module.css";
import { Small } from "./Text";

const words = text.access;

type Scope = Schemas["ScopeWords"];
type ScopesProps = {
  value: Scope[];
  onChange: (scopes: Scope[]) => void;
  /** Group name for the example below the first field. */
  example: string;
};

/** Edits the access of a token or robot. */
export function ScopesField({ value, onChange, example }: ScopesProps) {
  // Rows have no unique key: two may be empty.
  const [keys, setKeys] = useState(() => value.map((_, at) => at));
  const set = (at: number, changed: Partial<Scope>) =>
    onChange(value.map((scope, other) => (other === at ? { ...scope, ...changed } : scope)));
  const add = () => {
    setKeys([...keys, Math.max(-1, ...keys) + 1]);
    onChange([...value, { repositories: "", rights: ["pull"] }]);
  };
  const remove = (at: number) => {
    setKeys(keys.filter((_, other) => other !== at));
    onChange(value.filter((_, other) => other !== at));
  };
  return (
    <div className={s.scopes}>
      {value.map(({ repositories, rights }, at) => (
        <div className={s.scope} key={keys[at]}>
          <Field
            label={value.length > 1 ? words.placeName(at + 1) : words.place}
            hint={at === 0 ? words.placeHint(example) : undefined}
            mono
            value={repositories}
            onChange={(event) => set(at, { repositories: event.target.value.trim() })}
          />
          <div className={s.rights}>
            {RIGHTS.map((right) => (
              <CheckLine
                key={right}
                aria-label={words.rightOn(words.right[right], repositories)}
                checked={whole(rights).includes(right)}
                disabled={broughtBy(right, rights)}
                onChange={(event) =>
                  set(at, { rights: withRight(rights, right, event.target.checked) })
                }
              >
                {words.right[right]}
              </CheckLine>
            ))}
            {value.length > 1 && (
              <IconButton
                kind="plain"
                small
                icon={Trash2}
                label={words.remove(repositories)}
                onClick={() => remove(at)}
              />
            )}
          </div>
        </div>
      ))}
      <div>
        <Button small icon={Plus} onClick={add}>
          {words.add}
        </Button>
      </div>
      <Small>{words.implied}</Small>
    </div>
  );
}

/** Returns whether each scope has a place and at least one right. */
export const areScopesComplete = (scopes: Scope[]) =>
  scopes.length > 0 &&
  scopes.every(({ repositories, rights }) => repositories && rights.length > 0);
