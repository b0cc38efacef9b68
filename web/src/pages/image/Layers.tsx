import { Layers as LayersIcon } from "lucide-react";
import type { CSSProperties } from "react";
import type { Schemas } from "../../api/client";
import { Digest } from "../../parts/Copy";
import { cx } from "../../parts/class";
import { Legend, LegendItem, Meter } from "../../parts/Meter";
import { Empty } from "../../parts/Notice";
import { Panel, PanelBody } from "../../parts/Panel";
import { Cell, Row, Table, Th } from "../../parts/Table";
import { Bytes, Mono, Muted } from "../../parts/Text";
import { text } from "../../text";
import { nameOfType } from "./kind";
import s from "./Layers.module.css";

const words = text.image;
type Layer = Schemas["ImageLayer"];

const isShared = (layer: Layer) => layer.shared_with.length > 0;
const sizeOf = (layers: Layer[]) => layers.reduce((sum, { size }) => sum + size, 0);

/** All layers side by side, proportional to their size. */
export function LayerStrip({ layers }: { layers: Layer[] }) {
  const total = sizeOf(layers);
  const shared = layers.filter(isShared);
  return (
    <>
      <div className={s.strip} role="img" aria-label={words.strip(total)}>
        {layers.map((layer, at) => (
          <i
            // A layer may occur twice in an image.
            key={`${at} ${layer.digest}`}
            className={cx(isShared(layer) && s.shared)}
            style={{ "--p": layer.size } as CSSProperties}
          />
        ))}
      </div>
      <Legend across>
        <LegendItem look="a" value={<Bytes of={total - sizeOf(shared)} />}>
          {words.onlyHere}
        </LegendItem>
        {shared.length > 0 && (
          <LegendItem look="c" value={<Bytes of={sizeOf(shared)} />}>
            {words.elsewhere}
          </LegendItem>
        )}
      </Legend>
    </>
  );
}

export function Layers({ image }: { image: Schemas["Image"] }) {
  const { layers } = image;
  if (layers.length === 0) {
    return (
      <Panel label={words.layers}>
        <Empty icon={LayersIcon} title={words.noLayers}>
          <span>{words.noLayersHint}</span>
        </Empty>
      </Panel>
    );
  }
  const largest = Math.max(...layers.map(({ size }) => size));
  return (
    <Panel title={words.layers} note={words.layersNote(layers.length, sizeOf(layers))}>
      <PanelBody>
        <LayerStrip layers={layers} />
      </PanelBody>
      <Table
        label={words.layers}
        head={
          <>
            <Th num>{words.number}</Th>
            <Th>{words.madeBy}</Th>
            <Th middle>{words.digest}</Th>
            <Th>{words.size}</Th>
            <Th>{words.sharedWith}</Th>
          </>
        }
      >
        {layers.map((layer, at) => (
          <Row key={`${at} ${layer.digest}`}>
            <Cell num muted noCard>
              {at + 1}
            </Cell>
            <Cell name>
              {layer.created_by ? (
                <Mono title={layer.created_by}>{layer.created_by}</Mono>
              ) : (
                <Muted>{nameOfType(layer.media_type) ?? layer.media_type}</Muted>
              )}
            </Cell>
            <Cell middle label={words.digest}>
              <Digest of={layer.digest} />
            </Cell>
            <Cell label={words.size}>
              <div className={s.size}>
                <Meter
                  label={words.size}
                  total={largest}
                  shares={[{ part: layer.size, look: isShared(layer) ? "c" : "a" }]}
                />
                <Bytes of={layer.size} />
              </div>
            </Cell>
            <Cell muted label={words.sharedWith}>
              <SharedWith layer={layer} />
            </Cell>
          </Row>
        ))}
      </Table>
    </Panel>
  );
}

function SharedWith({ layer: { shared_with: names, shared_with_more: more } }: { layer: Layer }) {
  if (names.length === 0) return words.notShared;
  const title = names.join(", ") + (more ? ` ${words.andMore}` : "");
  const shown = names.length === 1 ? names[0] : words.sharedCount(names.length);
  return (
    <span title={title}>
      {shown}
      {more && ` ${words.andMore}`}
    </span>
  );
}
