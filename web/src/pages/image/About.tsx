import { Check, Circle } from "lucide-react";
import { Link } from "wouter";
import type { Schemas } from "../../api/client";
import { to } from "../../app/paths";
import { Icon } from "../../parts/Icon";
import { Columns, Stack } from "../../parts/Page";
import { Pair, Pairs, Panel, PanelBody } from "../../parts/Panel";
import { Bytes, Figure, Mono, Muted, Small } from "../../parts/Text";
import { text } from "../../text";
import { count, shortDigest } from "../../text/format";
import s from "./About.module.css";
import { ConfigurationPairs } from "./Configuration";
import { LayerStrip } from "./Layers";
import { platformsOf } from "./platforms";

const words = text.image;
type Props = { image: Schemas["Image"] };

/** What most people come for. */
export function About({ image }: Props) {
  const annotations = Object.entries(image.annotations as Record<string, string>);
  return (
    <Columns>
      <Stack>
        {image.artifact_type || image.subject ? <Artifact image={image} /> : null}
        {image.layers.length > 0 && (
          <Panel
            title={words.layers}
            note={words.layersNote(
              image.layers.length,
              image.layers.reduce((sum, { size }) => sum + size, 0),
            )}
          >
            <PanelBody>
              <LayerStrip layers={image.layers} />
            </PanelBody>
          </Panel>
        )}
        {image.config && (
          <Panel title={words.config}>
            <PanelBody>
              <ConfigurationPairs config={image.config} />
            </PanelBody>
          </Panel>
        )}
        {annotations.length > 0 && (
          <Panel title={words.annotations}>
            <PanelBody>
              <Pairs>
                {annotations.map(([name, value]) => (
                  <Pair key={name} term={name}>
                    <Mono>{value}</Mono>
                  </Pair>
                ))}
              </Pairs>
            </PanelBody>
          </Panel>
        )}
      </Stack>
      <Stack>
        <Platforms image={image} />
        <Trail of={image.durability} />
        <Panel title={words.pulls}>
          <PanelBody>
            <Figure beside={words.pullsSince}>{count(image.pulls)}</Figure>
          </PanelBody>
        </Panel>
      </Stack>
    </Columns>
  );
}

/** What it is, where it is no image: a chart, a signature, a bill of materials. */
function Artifact({ image }: Props) {
  return (
    <Panel title={words.about}>
      <PanelBody>
        <Pairs>
          {image.artifact_type && (
            <Pair term={words.kind}>
              <Mono>{image.artifact_type}</Mono>
            </Pair>
          )}
          <Pair term={words.type}>
            <Mono>{image.media_type}</Mono>
          </Pair>
          {image.subject && (
            <Pair term={words.subject}>
              <Link href={to.digest(image.repo, image.subject)}>
                <Mono>{shortDigest(image.subject)}</Mono>
              </Link>
            </Pair>
          )}
        </Pairs>
      </PanelBody>
    </Panel>
  );
}

function Platforms({ image }: Props) {
  const platforms = platformsOf(image);
  if (platforms.length === 0) return null;
  return (
    <Panel title={words.platforms}>
      <ul className={s.list}>
        {platforms.map(({ name, digest, size }) => (
          <li key={digest} aria-current={name === image.platform || undefined}>
            <Link href={to.digest(image.repo, digest)}>
              <Mono>{name}</Mono>
            </Link>
            {size > 0 ? <Bytes of={size} /> : <Muted>{words.absent}</Muted>}
          </li>
        ))}
        {image.attestations.length > 0 && (
          <li>
            <Small>{words.attestations(image.attestations.length)}</Small>
          </li>
        )}
      </ul>
    </Panel>
  );
}

/** How far the image is on its way: staged, on SFTP, verified. */
function Trail({ of }: { of: Schemas["ShownDurability"] }) {
  const { bytes_stored: stored, bytes_total: total, bytes_verified: verified, state } = of;
  const there = state === "on_sftp" || state === "verified";
  const steps = [
    { done: true, words: words.trail.staged },
    { done: stored >= total, words: words.trail.sent(stored, total) },
    { done: there, words: words.trail.on_sftp },
    {
      done: state === "verified",
      words: state === "verified" ? words.trail.verified : words.trail.read(verified, total),
    },
  ];
  return (
    <Panel title={words.durability}>
      <ol className={s.trail}>
        {steps.map((step) => (
          <li key={step.words} className={step.done ? s.done : undefined}>
            <Icon of={step.done ? Check : Circle} size={14} />
            {step.words}
          </li>
        ))}
      </ol>
    </Panel>
  );
}
