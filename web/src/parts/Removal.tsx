import type { ReactNode } from "react";
import type { Schemas } from "../api/client";
import { text } from "../text";
import { dayAndTime, exactly } from "../text/format";
import { Skeleton } from "./Loaded";
import { Meter } from "./Meter";
import s from "./Removal.module.css";
import { Bytes, Figure, Muted } from "./Text";

const words = text.removal;
type Preview = Schemas["ShownPreview"];

/** Maximum number of names in a sentence. */
const NAMES_MAX = 5;

function listed(names: string[]) {
  const rest = names.length - NAMES_MAX;
  return rest > 0 ? `${names.slice(0, NAMES_MAX).join(", ")} …` : names.join(", ");
}

/** Shows what a deletion frees, what it keeps, and why. */
export function RemovalEffect({
  preview,
  children,
}: {
  preview: Preview | undefined;
  children?: ReactNode;
}) {
  if (!preview) {
    return (
      <div>
        <Muted>{words.looking}</Muted>
        <Skeleton lines={3} />
      </div>
    );
  }
  const { frees_bytes: frees, kept_here_bytes: here, kept_shared_bytes: shared } = preview;
  const total = frees + here + shared;
  return (
    <>
      <div className={s.figures}>
        <div>
          <Muted>{words.frees}</Muted>
          <Figure>
            <Bytes of={frees} />
          </Figure>
        </div>
        <div>
          <Muted>{words.keeps}</Muted>
          <Figure>
            <Bytes of={here + shared} />
          </Figure>
        </div>
        <div className={s.meter}>
          <Meter
            label={words.meter(frees, total)}
            total={total}
            shares={[{ part: frees }, { part: here + shared, look: "c" }]}
          />
        </div>
      </div>
      {children}
      <ul className={s.effects}>
        <li>{words.images(preview.manifests)}</li>
        {here > 0 && <li>{words.keptHere(here)}</li>}
        {shared > 0 && (
          <li>
            {words.keptShared(shared, listed(preview.shared_with) || words.otherRepositories)}
          </li>
        )}
        {preview.missing.length > 0 && <li>{words.missing(listed(preview.missing))}</li>}
        <li>{words.pullsFail}</li>
        {frees > 0 && (
          <li>
            {words.freedAfter}{" "}
            <time dateTime={preview.freed_after} title={exactly(preview.freed_after)}>
              {dayAndTime(preview.freed_after)}
            </time>
            .
          </li>
        )}
        {frees > 0 && <li>{words.snapshots}</li>}
      </ul>
    </>
  );
}
