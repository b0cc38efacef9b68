import { FileX } from "lucide-react";
import type { ReactNode } from "react";
import type { Schemas } from "../../api/client";
import { Empty } from "../../parts/Notice";
import { Pair, Pairs, Panel, PanelBody } from "../../parts/Panel";
import { Mono, Muted } from "../../parts/Text";
import { text } from "../../text";
import { Json } from "./Json";
import s from "./Json.module.css";

const words = text.image;
type Config = Schemas["ShownConfig"];

/** The image config, without unset fields. */
export function ConfigurationPairs({ config }: { config: Config }) {
  const labels = Object.entries(config.labels as Record<string, string>);
  const rows: [string, ReactNode][] = [
    [words.entrypoint, config.entrypoint.join(" ")],
    [words.command, config.cmd.join(" ")],
    [words.user, config.user],
    [words.folder, config.working_dir],
    [words.ports, config.exposed_ports.join(", ")],
    [words.volumes, config.volumes.join(", ")],
    [words.stopSignal, config.stop_signal],
    [words.environment, config.env.length > 0 && <Lines of={config.env} />],
    [
      words.labels,
      labels.length > 0 && <Lines of={labels.map(([name, value]) => `${name}=${value}`)} />,
    ],
  ];
  const set = rows.filter(([, value]) => value);
  if (set.length === 0) return <Muted>{words.nothingSet}</Muted>;
  return (
    <Pairs>
      {set.map(([term, value]) => (
        <Pair key={term} term={term}>
          <Mono>{value}</Mono>
        </Pair>
      ))}
    </Pairs>
  );
}

const Lines = ({ of }: { of: string[] }) =>
  of.map((line) => (
    <span key={line} className={s.line}>
      {line}
    </span>
  ));

export function Configuration({ image }: { image: Schemas["Image"] }) {
  return (
    <>
      <Panel label={words.config}>
        {image.config ? (
          <PanelBody>
            <ConfigurationPairs config={image.config} />
          </PanelBody>
        ) : (
          <Empty icon={FileX} title={words.configMissing}>
            {image.config_unavailable && <span>{image.config_unavailable}</span>}
          </Empty>
        )}
      </Panel>
      {image.config_json && (
        <Json title={words.asPushed} text={JSON.stringify(image.config_json)} />
      )}
    </>
  );
}
