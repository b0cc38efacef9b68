import { Copy, GitCompareArrows, Trash2, X } from "lucide-react";
import { useLocation } from "wouter";
import { to } from "../../app/paths";
import { Button, IconButton } from "../../parts/Button";
import { copy } from "../../parts/copy";
import { Muted } from "../../parts/Text";
import { say } from "../../parts/Toast";
import { text } from "../../text";
import { bytes } from "../../text/format";
import s from "./SelectionBar.module.css";
import type { Tag } from "./TagRow";

const words = text.repository;

type SelectionBarProps = {
  repo: string;
  /** Those that are shown, the newest first as far as it is known. */
  tags: Tag[];
  chosen: string[];
  mayDelete: boolean;
  onDelete: (tags: string[]) => void;
  onClear: () => void;
};

/** What can be done with the tags that were chosen. */
export function SelectionBar({
  repo,
  tags,
  chosen,
  mayDelete,
  onDelete,
  onClear,
}: SelectionBarProps) {
  const [, go] = useLocation();
  if (chosen.length === 0) return null;
  const known = tags.filter(({ name }) => chosen.includes(name));
  const digests = [...new Set(known.map(({ digest }) => digest))];
  const compare = () => {
    // From the one that was pushed first.
    const [from, into] = [...chosen].sort((a, b) => pushedAt(known, a) - pushedAt(known, b));
    if (from && into) go(to.diff(repo, from, into));
  };
  const copyDigests = async () => (await copy(digests.join("\n"))) && say(words.digestsCopied);
  return (
    <section className={s.bar} aria-label={words.selection}>
      <b>{words.selected(chosen.length)}</b>
      <Muted>{bytes(known.reduce((sum, { size }) => sum + size, 0))}</Muted>
      <div className={s.end}>
        <Button
          small
          icon={GitCompareArrows}
          title={words.compareHint}
          disabled={chosen.length !== 2}
          onClick={compare}
        >
          {words.compare}
        </Button>
        <Button small icon={Copy} className={s.wideOnly} onClick={copyDigests}>
          {words.copyDigests}
        </Button>
        {mayDelete && (
          <Button small kind="dangerQuiet" icon={Trash2} onClick={() => onDelete(chosen)}>
            {words.remove}
          </Button>
        )}
        <IconButton small kind="plain" icon={X} label={words.clear} onClick={onClear} />
      </div>
    </section>
  );
}

const pushedAt = (tags: Tag[], name: string) =>
  new Date(tags.find((tag) => tag.name === name)?.pushed_at ?? 0).getTime();
