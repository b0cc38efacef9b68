import { Equal, Minus, Plus } from "lucide-react";
import { useState } from "react";
import type { Schemas } from "../../api/client";
import { Digest } from "../../parts/Copy";
import { CheckLine } from "../../parts/Field";
import { Empty } from "../../parts/Notice";
import { Panel } from "../../parts/Panel";
import { Status } from "../../parts/Status";
import { Cell, Row, Table, Th } from "../../parts/Table";
import { Bytes, Mono } from "../../parts/Text";
import { text } from "../../text";

const words = text.diff;
type Layer = Schemas["DiffLayer"] & { is: "same" | "added" | "removed" };

const ICONS = { same: Equal, added: Plus, removed: Minus };

export function LayersTable({ layers }: { layers: Schemas["Layers"] }) {
  const [onlyDifferences, setOnlyDifferences] = useState(false);
  // From the base up: what both share comes first, by the nature of layers.
  const all: Layer[] = (["same", "removed", "added"] as const).flatMap((is) =>
    layers[is].map((layer) => ({ ...layer, is })),
  );
  const shown = onlyDifferences ? all.filter(({ is }) => is !== "same") : all;
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
              <Th middle>{words.layer}</Th>
              <Th num>{words.bytes}</Th>
            </>
          }
        >
          {shown.map(({ digest, size, created_by, is }) => (
            <Row key={is + digest}>
              <Cell state>
                <Status tone={is === "same" ? "quiet" : "live"} icon={ICONS[is]}>
                  {words[is]}
                </Status>
              </Cell>
              <Cell name>
                <Mono title={created_by ?? undefined}>{created_by ?? digest}</Mono>
              </Cell>
              <Cell middle label={words.layer}>
                <Digest of={digest} />
              </Cell>
              <Cell num label={words.bytes}>
                <Bytes of={size} />
              </Cell>
            </Row>
          ))}
        </Table>
      )}
    </Panel>
  );
}
