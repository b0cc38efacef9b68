import { Copy, GitCompareArrows, Trash2, X } from "lucide-react";
import { useLocation } from "wouter";
import { to } from "../../app/paths";
import { Button, IconButton } from "../../parts/Button";
import { copyAndSay } from "../../parts/copyAndSay";
import { Bytes, Muted } from "../../parts/Text";
import { text } from "../../text";
import s from "./SelectionBar.module.css";
import { together } from "./selection";
import type { Tag } from "./TagRow";

const words = text.repository;

/** Maximum number of tags per deletion, as in the API. */
const DELETED_MAX = 500;

type SelectionBarProps = {
  repo: string;
  chosen: Tag[];
  mayDelete: boolean;
  onDelete: (tags: string[]) => void;
  onClear: () => void;
};

/** Actions on the selected tags. */
export function SelectionBar({ repo, chosen, mayDelete, onDelete, onClear }: SelectionBarProps) {
  const [, go] = useLocation();
  if (chosen.length === 0) return null;
  const { digests, bytes, pair } = together(chosen);
  const tooMany = chosen.length > DELETED_MAX;
  return (
    <section className={s.bar} aria-label={words.selection}>
      <b role="status">{words.selected(chosen.length)}</b>
      <Muted title={words.selectedBytes}>
        <Bytes of={bytes} />
      </Muted>
      {!mayDelete && <span className={s.note}>{words.mayNotDelete}</span>}
      <div className={s.end}>
        <Button
          small
          icon={GitCompareArrows}
          title={pair ? undefined : words.compareHint}
          disabled={!pair}
          onClick={() => pair && go(to.diff(repo, ...pair))}
        >
          {words.compare}
        </Button>
        <Button
          small
          icon={Copy}
          className={s.wideOnly}
          onClick={() => copyAndSay(digests.join("\n"), words.digestsCopied(digests.length))}
        >
          {words.copyDigests}
        </Button>
        {mayDelete && (
          <Button
            small
            kind="dangerQuiet"
            icon={Trash2}
            disabled={tooMany}
            title={tooMany ? words.tooMany(DELETED_MAX) : undefined}
            onClick={() => onDelete(chosen.map(({ name }) => name))}
          >
            {words.remove}
          </Button>
        )}
        <IconButton small kind="plain" icon={X} label={words.clear} onClick={onClear} />
      </div>
    </section>
  );
}
