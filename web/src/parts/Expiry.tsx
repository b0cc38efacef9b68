import { text } from "../text";
import { duration, exactly } from "../text/format";
import s from "./Expiry.module.css";
import { dayOf, type Expiry, SPANS } from "./expiry";
import { Field, Select } from "./Field";
import { Status } from "./Status";
import { Muted } from "./Text";
import { useNow } from "./useNow";

const words = text.access;

type FieldProps = { value: Expiry; onChange: (expiry: Expiry) => void };

/** Selects when a secret expires. */
export function ExpiryField({ value, onChange }: FieldProps) {
  return (
    <div className={s.fields}>
      <Select
        label={words.expires}
        shown
        value={value.choice}
        onChange={(event) => onChange({ ...value, choice: event.target.value })}
      >
        {SPANS.map((days) => (
          <option key={days} value={days}>
            {words.expiry.after[days]}
          </option>
        ))}
        <option value="day">{words.expiry.day}</option>
        <option value="never">{words.expiry.never}</option>
      </Select>
      {value.choice === "day" && (
        <Field
          label={words.lastDay}
          type="date"
          min={dayOf(Date.now())}
          value={value.day}
          onChange={(event) => onChange({ ...value, day: event.target.value })}
        />
      )}
    </div>
  );
}

/** Warn this many seconds before a secret expires. */
const SOON = 14 * 24 * 60 * 60;

/** When a secret expires: `in 61 days`. */
export function Until({ at, ended }: { at: string | null | undefined; ended?: boolean }) {
  const now = useNow();
  if (!at) return <Muted>{text.shared.never}</Muted>;
  const left = (new Date(at).getTime() - now) / 1000;
  if (ended || left <= 0) return <Muted title={exactly(at)}>{words.ended}</Muted>;
  const time = words.in(duration(left));
  if (left > SOON) return <Muted title={exactly(at)}>{time}</Muted>;
  return (
    <Status tone="warn" title={exactly(at)}>
      {time}
    </Status>
  );
}
