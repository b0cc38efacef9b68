import { Check, Copy as CopyIcon } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { text } from "../text";
import { shortDigest } from "../text/format";
import { IconButton } from "./Button";
import s from "./Copy.module.css";
import { copy } from "./copy";
import { Icon } from "./Icon";
import { ForReaders } from "./Text";

/** Copies text and confirms it briefly. If the browser does not allow copying, selects the text. */
function useCopy(words: string, element: { current: HTMLElement | null }) {
  const [state, setState] = useState<"" | "copied" | "selected">("");
  useEffect(() => {
    if (state === "") return;
    const timer = setTimeout(() => setState(""), 2_000);
    return () => clearTimeout(timer);
  }, [state]);
  const start = async () => {
    if (await copy(words)) return setState("copied");
    if (element.current) getSelection()?.selectAllChildren(element.current);
    setState("selected");
  };
  const said = { "": "", copied: text.shared.copied, selected: text.shared.selectToCopy }[state];
  return { start, said, done: state === "copied" };
}

type CommandProps = {
  children: string;
  prompt?: string;
  /** Label of the copy button, if the text is not a command. */
  label?: string;
};

/** Breaks lines only between words, never inside `-u`. */
const byWords = (command: string) =>
  command.split(/(\s+)/).map((word, at) => (word.trim() ? <span key={at}>{word}</span> : word));

/** A command with a copy button. */
export function Command({ children, prompt = "$", label }: CommandProps) {
  const code = useRef<HTMLElement>(null);
  const { start, said, done } = useCopy(children, code);
  return (
    <div className={s.command}>
      {prompt && (
        <span className={s.prompt} aria-hidden="true">
          {prompt}
        </span>
      )}
      <code ref={code}>{byWords(children)}</code>
      <span role="status">
        <ForReaders>{said}</ForReaders>
      </span>
      <IconButton
        kind="plain"
        small
        icon={done ? Check : CopyIcon}
        label={said || (label ?? text.shared.copyCommand)}
        onClick={start}
      />
    </div>
  );
}

/** The first twelve characters of a digest; a click copies the whole digest. */
export function Digest({ of, words = shortDigest(of) }: { of: string; words?: string }) {
  const shown = useRef<HTMLSpanElement>(null);
  const { start, said, done } = useCopy(of, shown);
  return (
    <button
      type="button"
      className={s.digest}
      title={text.shared.copyDigest(of)}
      aria-label={said || text.shared.copyDigest(words)}
      onClick={start}
    >
      <span ref={shown}>{words}</span>
      <Icon of={done ? Check : CopyIcon} size={14} />
    </button>
  );
}
