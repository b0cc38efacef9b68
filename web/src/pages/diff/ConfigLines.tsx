import { useState } from "react";
import type { Schemas } from "../../api/client";
import { Button } from "../../parts/Button";
import { cx } from "../../parts/class";
import { Panel, PanelFoot } from "../../parts/Panel";
import { ForReaders } from "../../parts/Text";
import { text } from "../../text";
import s from "./ConfigLines.module.css";
import { countOf, type Kind, type Line, linesOf, sameOf } from "./lines";

const words = text.diff;
const ORDER: Kind[] = ["entrypoint", "cmd", "user", "workingDir", "env", "labels"];

type ConfigLinesProps = {
  diff: Schemas["Diff"];
  /** Config of the second image, for unchanged settings; may be missing. */
  config: Schemas["ShownConfig"] | null | undefined;
};

/** A line diff of two configs. */
export function ConfigLines({ diff, config }: ConfigLinesProps) {
  const [all, setAll] = useState(false);
  const unavailable = diff.from.config_unavailable ?? diff.to.config_unavailable;
  const same = config ? sameOf(diff, config) : [];
  const differ = countOf(diff);
  const shown = [...linesOf(diff), ...(all ? same : [])].sort(
    (a, b) => ORDER.indexOf(a.kind) - ORDER.indexOf(b.kind),
  );
  return (
    <Panel
      title={words.config}
      note={unavailable ?? (same.length > 0 && words.differOf(differ, differ + same.length))}
    >
      {shown.length > 0 ? (
        <ul className={s.lines}>
          {shown.map((line) => (
            <ConfigLine key={line.kind + line.is + line.words} line={line} />
          ))}
        </ul>
      ) : (
        <p className={s.none}>{words.noDifference}</p>
      )}
      {same.length > 0 && (
        <PanelFoot>
          <Button kind="link" aria-expanded={all} onClick={() => setAll(!all)}>
            {all ? words.hideSame : words.showSame(same.length)}
          </Button>
        </PanelFoot>
      )}
    </Panel>
  );
}

const ConfigLine = ({ line: { kind, is, words: said } }: { line: Line }) => (
  <li className={cx(is === "gone" && s.gone, is === "new" && s.new)}>
    <span>{words.kinds[kind]}</span>
    <ForReaders>{words.lineIs[is]}</ForReaders>
    <code>{said}</code>
  </li>
);
