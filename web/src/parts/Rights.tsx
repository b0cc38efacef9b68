import type { Schemas } from "../api/client";
import type { Right } from "../app/session";
import { text } from "../text";
import { CheckLine } from "./Field";
import s from "./Rights.module.css";
import { broughtBy, RIGHTS, telling, whole } from "./rights";
import { Chip } from "./Status";

const words = text.access;

/** `push, delete`. */
export const rightsInWords = (rights: Right[]) =>
  telling(rights)
    .map((right) => words.right[right])
    .join(", ");

/** More chips would displace the other columns. */
const CHIPS = 3;

/** Rights by place, one chip each. */
export function Scopes({ of }: { of: Schemas["ScopeWords"][] }) {
  const said = of.map(({ repositories, rights }) => ({
    place: repositories,
    words: rightsInWords(rights),
  }));
  const hidden = said.slice(CHIPS);
  return (
    <span className={s.chips}>
      {said.slice(0, CHIPS).map((it) => (
        <span key={it.place}>
          <Chip title={`${it.place}: ${it.words}`}>
            <b className={s.place}>
              {it.place === "*" ? words.every : it.place.replace(/\/\*$/, "")}
            </b>{" "}
            {it.words}
          </Chip>
        </span>
      ))}
      {hidden.length > 0 && (
        <span>
          <Chip title={hidden.map((it) => `${it.place}: ${it.words}`).join("\n")}>
            {words.more(hidden.length)}
          </Chip>
        </span>
      )}
    </span>
  );
}

type PickerProps = { value: Right[]; onChange: (rights: Right[]) => void };

/** Edits the rights on one place. */
export function RightsPicker({ value, onChange }: PickerProps) {
  const all = whole(value);
  return (
    <fieldset className={s.picker}>
      <legend>{words.rights}</legend>
      {RIGHTS.map((right) => (
        <CheckLine
          key={right}
          hint={words.rightHint[right]}
          checked={all.includes(right)}
          disabled={broughtBy(right, value)}
          onChange={(event) => onChange(withRight(value, right, event.target.checked))}
        >
          {words.right[right]}
        </CheckLine>
      ))}
    </fieldset>
  );
}

/** Adds or removes a right. */
export const withRight = (rights: Right[], right: Right, on: boolean) =>
  on ? whole([...rights, right]) : rights.filter((other) => other !== right);
