import { ChevronRight } from "lucide-react";
import { memo } from "react";
import { Icon } from "../../parts/Icon";
import { Progress } from "../../parts/Meter";
import { Small, Time } from "../../parts/Text";
import { text } from "../../text";
import { percent } from "../../text/format";
import { noteOf } from "./note";
import { PushBody } from "./PushBody";
import { PushName, titleOf } from "./PushName";
import s from "./PushRow.module.css";
import type { Push } from "./pushes";
import { StateWord, toneOf } from "./States";

const words = text.transfers;

type PushRowProps = {
  push: Push;
  open: boolean;
  /** Maximum number of transfers to show. */
  rows: number;
  onToggle: (key: string, open: boolean) => void;
};

/** A push, expandable to its transfers. Memoized. */
export const PushRow = memo(function PushRow({ push, open, rows, onToggle }: PushRowProps) {
  const done = push.state === "done";
  const { speed, note } = noteOf(push);
  const [begun, ended] = push.removes
    ? [words.askedFor, words.state.removed]
    : [words.pushed, words.stored];
  const toggle = () => onToggle(push.key, !open);
  return (
    <li className={s.push}>
      <details open={open}>
        {/* biome-ignore lint/a11y/noStaticElementInteractions: it is what opens and closes */}
        <summary
          className={s.head}
          onClick={(event) => {
            event.preventDefault();
            toggle();
          }}
        >
          <Icon of={ChevronRight} />
          <span className={s.name}>
            <span className={s.title}>
              <PushName of={push} />
            </span>
            <Small>
              {done ? ended : begun} <Time at={done ? push.finishedAt : push.createdAt} />{" "}
              {!done && push.pushedBy && text.shared.by(push.pushedBy)}
            </Small>
          </span>
          <span className={s.state}>
            <StateWord
              of={push.state}
              percent={Math.floor(push.progress * 100)}
              nextRetryAt={push.nextRetryAt}
              removes={push.removes}
            />
          </span>
          <span className={s.bar}>
            {!done && !push.removes && (
              <Progress
                value={push.progress}
                label={words.sentOf(titleOf(push), percent(push.progress, 1))}
                tone={toneOf(push.state)}
              />
            )}
          </span>
          <span className={s.bytes}>
            {!push.removes && sizeOf(push)}
            {push.blobsTotal > 0 && !push.removes && (
              <span className={s.blobs}>
                <Small>{words.blobs(push.blobsDone, push.blobsTotal)}</Small>
              </span>
            )}
          </span>
          <span className={s.rate}>
            {speed}
            {note && <Small>{note}</Small>}
          </span>
        </summary>
        {open && (
          <div className={s.body}>
            <PushBody push={push} rows={rows} />
          </div>
        )}
      </details>
    </li>
  );
});

function sizeOf({ bytes, state }: Push) {
  if (!bytes) return null;
  return state === "done" ? words.bytes(bytes.total) : words.bytesOf(bytes.done, bytes.total);
}
