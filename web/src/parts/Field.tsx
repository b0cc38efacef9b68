import { Search } from "lucide-react";
import {
  type InputHTMLAttributes,
  type ReactNode,
  type Ref,
  type SelectHTMLAttributes,
  useEffect,
  useId,
  useRef,
  useState,
} from "react";
import { cx } from "./class";
import s from "./Field.module.css";
import { Icon } from "./Icon";
import { Status } from "./Status";

type FieldProps = InputHTMLAttributes<HTMLInputElement> & {
  label: string;
  /** Hint below the field. */
  hint?: ReactNode;
  /** Validation error. */
  error?: ReactNode;
  mono?: boolean;
  ref?: Ref<HTMLInputElement>;
};

/** A labelled input with hint and validation error. */
export function Field({ label, hint, error, mono, ...input }: FieldProps) {
  const id = useId();
  return (
    <div className={s.field}>
      <label htmlFor={id}>{label}</label>
      <input
        autoComplete="off"
        spellCheck={false}
        {...input}
        id={id}
        className={cx(s.input, mono && s.mono)}
        aria-invalid={error ? true : undefined}
        aria-describedby={error || hint ? `${id}-note` : undefined}
      />
      {(error || hint) && (
        <div id={`${id}-note`} className={s.note}>
          {error ? <Status tone="bad">{error}</Status> : hint}
        </div>
      )}
    </div>
  );
}

type InputProps = InputHTMLAttributes<HTMLInputElement> & {
  /** Label for screen readers if there is no visible text. */
  label?: string;
};

/** An input in a toolbar. */
export const Input = ({ label, ...input }: InputProps) => (
  <input
    autoComplete="off"
    spellCheck={false}
    {...input}
    className={s.input}
    aria-label={label}
    placeholder={label}
  />
);

type SelectProps = SelectHTMLAttributes<HTMLSelectElement> & {
  label: string;
  /** Shows the label above the field. */
  shown?: boolean;
  hint?: ReactNode;
};

export function Select({ label, shown, hint, children, ...select }: SelectProps) {
  const id = useId();
  const box = (
    <select
      {...select}
      id={id}
      className={s.select}
      aria-label={shown ? undefined : label}
      aria-describedby={hint ? `${id}-note` : undefined}
    >
      {children}
    </select>
  );
  if (!shown) return box;
  return (
    <div className={s.field}>
      <label htmlFor={id}>{label}</label>
      {box}
      {hint && (
        <div id={`${id}-note`} className={s.note}>
          {hint}
        </div>
      )}
    </div>
  );
}

type CheckProps = InputHTMLAttributes<HTMLInputElement> & {
  label: string;
  /** Some but not all are checked. */
  some?: boolean;
};

/** A checkbox with a label for screen readers only. */
export function Check({ label, some, ...input }: CheckProps) {
  const box = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (box.current) box.current.indeterminate = some ?? false;
  }, [some]);
  return <input {...input} ref={box} type="checkbox" className={s.check} aria-label={label} />;
}

type CheckLineProps = InputHTMLAttributes<HTMLInputElement> & {
  children: ReactNode;
  hint?: ReactNode;
};

/** A checkbox with a visible label. */
export function CheckLine({ children, hint, ...input }: CheckLineProps) {
  const id = useId();
  // The hint is not part of the accessible name.
  const named = hint ? { "aria-labelledby": `${id}-name`, "aria-describedby": `${id}-note` } : {};
  return (
    <label className={s.checkLine}>
      <input {...named} {...input} type="checkbox" className={s.check} />
      <span>
        <span id={`${id}-name`}>{children}</span>
        {hint && (
          <span id={`${id}-note`} className={s.note}>
            {hint}
          </span>
        )}
      </span>
    </label>
  );
}

type SearchProps = { label: string; value: string; onSearch: (words: string) => void };

/** Filters a list while typing; `/` focuses the field. */
export function SearchBox({ label, value, onSearch }: SearchProps) {
  const [words, setWords] = useState(value);
  const box = useRef<HTMLInputElement>(null);
  const asked = useRef(value);
  const search = useRef(onSearch);
  search.current = onSearch;

  // The URL changed from outside: filter cleared, or Back.
  useEffect(() => {
    if (value === asked.current) return;
    asked.current = value;
    setWords(value);
  }, [value]);

  useEffect(() => {
    const next = words.trim();
    if (next === asked.current) return;
    const timer = setTimeout(() => {
      asked.current = next;
      search.current(next);
    }, 200);
    return () => clearTimeout(timer);
  }, [words]);

  return (
    <div className={s.search}>
      <Icon of={Search} />
      <input
        ref={box}
        type="search"
        className={s.input}
        placeholder={label}
        aria-label={label}
        aria-keyshortcuts="/"
        data-filter
        spellCheck={false}
        value={words}
        onChange={(event) => setWords(event.target.value)}
      />
      <kbd>/</kbd>
    </div>
  );
}

type SegmentsProps<V extends string> = {
  label: string;
  value: V;
  options: [V, string][];
  onChoose: (value: V) => void;
};

/** A choice of few visible options. */
export function Segments<V extends string>({ label, value, options, onChoose }: SegmentsProps<V>) {
  const name = useId();
  return (
    <fieldset className={s.segments} aria-label={label}>
      {options.map(([option, words]) => (
        <label key={option}>
          <input
            type="radio"
            name={name}
            checked={option === value}
            onChange={() => onChoose(option)}
          />
          <span>{words}</span>
        </label>
      ))}
    </fieldset>
  );
}

type FormProps = { onSend: () => void; busy?: boolean; children: ReactNode };

/** A form with stacked fields; Enter submits it once. */
export function Form({ onSend, busy, children }: FormProps) {
  return (
    <form
      className={s.form}
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        if (!busy) onSend();
      }}
    >
      {children}
      {/* Without a submit button, Enter does nothing in forms with several fields. */}
      <button type="submit" hidden />
    </form>
  );
}
