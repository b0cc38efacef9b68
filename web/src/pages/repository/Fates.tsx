import type { Schemas } from "../../api/client";
import { useEachTagsPreview } from "../../api/preview";
import { Cell, Row, Table, Th } from "../../parts/Table";
import { Bytes, Mono } from "../../parts/Text";
import { text } from "../../text";
import s from "./Fates.module.css";
import { fateOf } from "./fate";

const words = text.removal;

/** Maximum number of tags listed individually. */
const TOLD_MAX = 8;

type FatesProps = { repo: string; tags: string[] };

/** The effect of deleting these tags on each tag's image. */
export function Fates({ repo, tags }: FatesProps) {
  const told = tags.slice(0, TOLD_MAX);
  const alone = useEachTagsPreview(repo, told);
  if (alone.some(({ data }) => data === undefined)) return null;
  return (
    <div className={s.fates}>
      <Table
        compact
        label={words.fates}
        head={
          <>
            <Th>{words.tag}</Th>
            <Th>{words.fate}</Th>
            <Th num>{words.freesAlone}</Th>
          </>
        }
      >
        {told.map((tag, at) => (
          <Fate key={tag} tag={tag} alone={alone[at]?.data} tags={tags} />
        ))}
      </Table>
      {tags.length > told.length && (
        <p className={s.more}>{words.moreTags(tags.length - told.length)}</p>
      )}
    </div>
  );
}

type FateProps = { tag: string; alone: Schemas["ShownPreview"] | undefined; tags: string[] };

function Fate({ tag, alone, tags }: FateProps) {
  if (!alone) return null;
  const fate = fateOf(tag, alone, tags);
  return (
    <Row>
      <Cell name>
        <Mono title={tag}>{tag}</Mono>
      </Cell>
      <Cell muted>
        {words.fateOf[fate.is]} {fate.is === "staysAs" && <Mono>{fate.names.join(", ")}</Mono>}
      </Cell>
      <Cell num label={words.freesAlone}>
        <Bytes of={alone.frees_bytes} />
      </Cell>
    </Row>
  );
}
