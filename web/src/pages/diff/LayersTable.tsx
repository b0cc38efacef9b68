import { ArrowRightLeft, Equal, Minus, Plus } from "lucide-react";
import { useState } from "react";
import { CheckLine } from "../../parts/Field";
import { Empty } from "../../parts/Notice";
import { Panel } from "../../parts/Panel";
import { Status } from "../../parts/Status";
import { Cell, Row, Table, Th } from "../../parts/Table";
import { Bytes, Mono, Muted } from "../../parts/Text";
import { text } from "../../text";
import s from "./LayersTable.module.css";
import type { Row as LayerRow } from "./layers";

const words = text.diff;

const ICONS = { same: Equal, changed: ArrowRightLeft, added: Plus, removed: Minus };

type LayersTableProps = {
  rows: LayerRow[];
  /** Name of each side. */
  from: string;
  into: string;
};

export function LayersTable({ rows, from, into }: LayersTableProps) {
  const [onlyDifferences, setOnlyDifferences] = useState(false);
  const shown = onlyDifferences ? rows.filter(({ is }) => is !== "same") : rows;
  return (
    <Panel
      title={words.layers}
      note={words.fromTheBase}
      end={
        <CheckLine
          checked={onlyDifferences}
          onChange={(event) => setOnlyDifferences(event.target.checked)}
        >
          {words.onlyDifferences}
        </CheckLine>
      }
    >
      {shown.length === 0 ? (
        <Empty icon={Equal} title={words.noLayers} />
      ) : (
        <Table
          label={words.layers}
          head={
            <>
              <Th>{words.change}</Th>
              <Th>{words.madeBy}</Th>
              <Th num>
                <Mono>{from}</Mono>
              </Th>
              <Th num>
                <Mono>{into}</Mono>
              </Th>
              <Th num>{words.difference}</Th>
            </>
          }
        >
          {shown.map((row, at) => (
            // A layer may occur twice in an image.
            <LayerLine key={`${at} ${row.digest}`} row={row} from={from} into={into} />
          ))}
        </Table>
      )}
    </Panel>
  );
}

type LayerLineProps = { row: LayerRow; from: string; into: string };

function LayerLine({ row, from, into }: LayerLineProps) {
  const { is, step, digest } = row;
  const difference = (row.into ?? 0) - (row.from ?? 0);
  const name = <Mono title={`${step ?? ""} ${digest}`}>{step ?? digest}</Mono>;
  return (
    <Row>
      <Cell state>
        <span className={is === "same" ? undefined : s.change}>
          <Status tone={is === "same" ? "quiet" : "live"} icon={ICONS[is]}>
            {words[is]}
          </Status>
        </span>
      </Cell>
      <Cell name>{is === "same" ? <Muted>{name}</Muted> : name}</Cell>
      <Cell num muted label={from}>
        <Size of={row.from} />
      </Cell>
      <Cell num muted={is === "same"} label={into}>
        <Size of={row.into} />
      </Cell>
      <Cell num muted={difference === 0} label={words.difference}>
        {words.plus(difference)}
      </Cell>
    </Row>
  );
}

const Size = ({ of }: { of: number | undefined }) =>
  of === undefined ? <Muted>–</Muted> : <Bytes of={of} />;
