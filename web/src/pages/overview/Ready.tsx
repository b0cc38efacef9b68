import type { ReactNode } from "react";
import { useGet } from "../../api/query";
import { Loaded } from "../../parts/Loaded";
import { Panel, PanelBody } from "../../parts/Panel";
import { Status, type Tone } from "../../parts/Status";
import { Small } from "../../parts/Text";
import { text } from "../../text";
import { bytes } from "../../text/format";
import s from "./Start.module.css";

const words = text.overview.start.ready;

/** Shows whether pushes can be stored. */
export function Ready() {
  const health = useGet("/api/sftp/health", undefined, { refetchInterval: 15_000 });
  const room = useGet("/api/storage").data;
  const free = room?.capacity.free;
  const here = room?.staging.free;
  return (
    <Panel title={words.title}>
      <Loaded query={health} lines={3}>
        {({ state, error, server, host_key }) => (
          <PanelBody tight>
            {state === "up" ? (
              <Check name={words.answers} note={server} />
            ) : (
              <Check tone="warn" name={words.silent} note={error?.hint ?? error?.message} />
            )}
            {host_key && <Check name={words.key} note={host_key} />}
            {free != null && (
              <Check name={words.free(bytes(free))} note={here && words.freeHere(bytes(here))} />
            )}
          </PanelBody>
        )}
      </Loaded>
    </Panel>
  );
}

function Check({ tone = "ok", name, note }: { tone?: Tone; name: string; note: ReactNode }) {
  return (
    <div className={s.check}>
      <Status tone={tone}>{name}</Status>
      <Small>{note}</Small>
    </div>
  );
}
