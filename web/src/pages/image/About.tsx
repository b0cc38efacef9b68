import { Link } from "wouter";
import type { Schemas } from "../../api/client";
import { to } from "../../app/paths";
import { Digest } from "../../parts/Copy";
import { Columns, Stack } from "../../parts/Page";
import { Pair, Pairs, Panel, PanelBody } from "../../parts/Panel";
import { Bytes, Figure, Mono, Muted, Small } from "../../parts/Text";
import { text } from "../../text";
import { count, shortDigest } from "../../text/format";
import s from "./About.module.css";
import { ConfigurationPairs } from "./Configuration";
import { DurabilityTrail } from "./Durability";
import { HereLink } from "./HereLink";
import { LastSteps } from "./History";
import { kindOf, nameOfType, typeOf } from "./kind";
import { LayerStrip } from "./Layers";
import { platformsOf } from "./platforms";

const words = text.image;
type Props = { image: Schemas["Image"] };

/** The overview tab. */
export function About({ image }: Props) {
  const kind = kindOf(image);
  const annotations = Object.entries(image.annotations as Record<string, string>);
  return (
    <Columns>
      <Stack>
        {kind !== "image" && <Artifact image={image} />}
        {image.layers.length > 0 && (
          <Panel
            title={words.layers}
            note={words.layersNote(
              image.layers.length,
              image.layers.reduce((sum, { size }) => sum + size, 0),
            )}
            end={<HereLink ask={{ tab: "layers" }}>{words.showAll}</HereLink>}
          >
            <PanelBody>
              <LayerStrip layers={image.layers} />
            </PanelBody>
          </Panel>
        )}
        {kind === "image" && image.config && (
          <Panel
            title={words.config}
            end={<HereLink ask={{ tab: "config" }}>{words.showJson}</HereLink>}
          >
            <PanelBody>
              <ConfigurationPairs config={image.config} />
            </PanelBody>
          </Panel>
        )}
        <LastSteps image={image} />
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
        <DurabilityTrail of={image.durability} />
        <Panel title={words.pulls}>
          <PanelBody>
            <Figure beside={words.pullsSince}>{count(image.pulls)}</Figure>
          </PanelBody>
        </Panel>
      </Stack>
    </Columns>
  );
}

/** The kind of an artifact: chart, signature, SBOM. */
function Artifact({ image }: Props) {
  const type = typeOf(image);
  return (
    <Panel title={words.about}>
      <PanelBody>
        <Pairs>
          {type && (
            <Pair term={words.kind}>
              {nameOfType(type)} <Mono>{type}</Mono>
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
            <HereLink ask={{ platform: name }}>
              <Mono>{name}</Mono>
            </HereLink>
            <Digest of={digest} />
            {size > 0 ? <Bytes of={size} /> : <Muted>{words.absent}</Muted>}
          </li>
        ))}
        {image.attestations.length > 0 && (
          <li>
            <HereLink ask={{ tab: "referrers" }}>
              <Small>{words.attestations(image.attestations.length)}</Small>
            </HereLink>
          </li>
        )}
      </ul>
    </Panel>
  );
}
