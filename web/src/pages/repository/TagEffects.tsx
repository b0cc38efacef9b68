import type { Schemas } from "../../api/client";
import { useEachTagsPreview } from "../../api/preview";
import { Cell, Row, Table, Th } from "../../parts/Table";
import { Bytes, Mono } from "../../parts/Text";
import { text } from "../../text";
import { effectOf } from "./effect";
import s from "./TagEffects.module.css";

const words = text.removal;

/** Maximum number of tags listed individually. */
const LISTED_MAX = 8;

type TagEffectsProps = { repo: string; tags: string[] };

/** The effect of deleting these tags on each tag's image. */
export function TagEffects({ repo, tags }: TagEffectsProps) {
  const listed = tags.slice(0, LISTED_MAX);
  const alone = useEachTagsPreview(repo, listed);
  if (alone.some(({ data }) => data === undefined)) return null;
  return (
    <div className={s.effects}>
      <Table
        compact
        label={words.effects}
        head={
          <>
            <Th>{words.tag}</Th>
            <Th>{words.effect}</Th>
            <Th num>{words.freesAlone}</Th>
          </>
        }
      >
        {listed.map((tag, at) => (
          <TagEffect key={tag} tag={tag} alone={alone[at]?.data} tags={tags} />
        ))}
      </Table>
      {tags.length > listed.length && (
        <p className={s.more}>{words.moreTags(tags.length - listed.length)}</p>
      )}
    </div>
  );
}

type TagEffectProps = { tag: string; alone: Schemas["ShownPreview"] | undefined; tags: string[] };

function TagEffect({ tag, alone, tags }: TagEffectProps) {
  if (!alone) return null;
  const effect = effectOf(tag, alone, tags);
  return (
    <Row>
      <Cell name>
        <Mono title={tag}>{tag}</Mono>
      </Cell>
      <Cell muted>
        {words.effectOf[effect.is]}{" "}
        {effect.is === "staysAs" && <Mono>{effect.names.join(", ")}</Mono>}
      </Cell>
      <Cell num label={words.freesAlone}>
        <Bytes of={alone.frees_bytes} />
      </Cell>
    </Row>
  );
}
