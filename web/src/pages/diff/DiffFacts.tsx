import type { Schemas } from "../../api/client";
import { Fact, Facts } from "../../parts/Panel";
import { Bytes } from "../../parts/Text";
import { text } from "../../text";
import { bytes, count, date, duration } from "../../text/format";
import type { Row } from "./layers";
import { countOf } from "./lines";

const words = text.diff;
type Image = Schemas["Image"];

type DiffFactsProps = {
  diff: Schemas["Diff"];
  rows: Row[];
  images: [Image, Image] | undefined;
};

/** Summary of the differences. */
export function DiffFacts({ diff, rows, images }: DiffFactsProps) {
  const how = (is: Row["is"]) => rows.filter((row) => row.is === is).length;
  const on = (side: "from" | "into") => rows.filter((row) => row[side] !== undefined).length;
  const differ = countOf(diff);
  return (
    <Facts>
      <Fact term={words.size} below={words.more(diff.to.size - diff.from.size)}>
        <Bytes of={diff.to.size} /> <Was>{bytes(diff.from.size)}</Was>
      </Fact>
      <Fact
        term={words.layers}
        below={words.layerWords({
          same: how("same"),
          changed: how("changed"),
          added: how("added"),
          removed: how("removed"),
        })}
      >
        {count(on("into"))} <Was>{count(on("from"))}</Was>
      </Fact>
      <Fact
        term={words.config}
        below={diff.from.config_unavailable ?? diff.to.config_unavailable ?? startWords(diff)}
      >
        {count(differ)} <small>{words.settings(differ)}</small>
      </Fact>
      {images ? (
        <Fact term={words.apart} below={pushWords(...images)}>
          {duration(apart(...images))}
        </Fact>
      ) : (
        <Fact term={words.platform}>{diff.to.platform ?? text.shared.unknown}</Fact>
      )}
    </Facts>
  );
}

const Was = ({ children }: { children: string }) => <small>{words.was(children)}</small>;

/** Seconds between the two pushes. */
const apart = (from: Image, into: Image) =>
  Math.abs(Date.parse(into.pushed_at) - Date.parse(from.pushed_at)) / 1_000;

/** Whether entrypoint, command and user are the same. */
const startWords = ({ entrypoint, cmd, user }: Schemas["Diff"]) =>
  !entrypoint.changed && !cmd.changed && user.from === user.to ? words.startsAlike : undefined;

function pushWords(from: Image, into: Image) {
  const [before, then] = [date(from.pushed_at), date(into.pushed_at)];
  const when = before === then ? words.pushedOn(then) : words.pushes(before, then);
  const by = from.pushed_by;
  return by && by === into.pushed_by ? `${when}, ${words.bothBy(by)}` : when;
}
