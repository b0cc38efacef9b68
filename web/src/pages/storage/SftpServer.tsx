import { useMutation } from "@tanstack/react-query";
import { RotateCw } from "lucide-react";
import { answer, api, type Schemas } from "../../api/client";
import { renew, useGet } from "../../api/query";
import { useMe } from "../../app/session";
import { Button } from "../../parts/Button";
import { Digest } from "../../parts/Copy";
import { Failure, Loaded } from "../../parts/Loaded";
import { Notice } from "../../parts/Notice";
import { Pair, Pairs, Panel, PanelBody, PanelFoot } from "../../parts/Panel";
import { Chip, Status, type Tone } from "../../parts/Status";
import { Mono, Muted, Small, Time } from "../../parts/Text";
import { text } from "../../text";
import { sentence } from "../../text/format";
import { Checks } from "./Checks";

const words = text.storage;
type Health = Schemas["Health"];

const TONES: Record<string, Tone> = { up: "ok", down: "warn", needs_person: "bad" };

/** State and checks of the SFTP server. */
export function SftpServer() {
  const me = useMe();
  const query = useGet("/api/sftp/health", undefined, { refetchInterval: 30_000 });
  const check = useMutation({
    mutationFn: () => answer(api.POST("/api/sftp/check", {})),
    onSettled: () => renew("/api/sftp/health"),
  });
  return (
    <Panel
      title={words.sftp}
      note={
        check.data &&
        !check.isPending && (
          <>
            {words.checked} <Time at={new Date(check.submittedAt).toISOString()} />
          </>
        )
      }
      end={
        me.admin && (
          <Button
            small
            icon={RotateCw}
            busy={check.isPending}
            title={words.checkNotes}
            onClick={() => check.mutate()}
          >
            {words.check}
          </Button>
        )
      }
    >
      {(check.error || check.data) && (
        <>
          {check.error && (
            <PanelBody>
              <Failure problem={check.error} />
            </PanelBody>
          )}
          {check.data && <Checks of={check.data} />}
        </>
      )}
      <Loaded query={query}>{(health) => <State of={health} />}</Loaded>
      {!me.admin && <PanelFoot>{words.adminsCheck}</PanelFoot>}
    </Panel>
  );
}

function State({ of: health }: { of: Health }) {
  const { error, connections, extensions } = health;
  const name = text.shell.sftp[health.state as keyof typeof text.shell.sftp] ?? health.state;
  return (
    <PanelBody>
      {error && (
        <Notice tone={health.state === "down" ? "warn" : "bad"} title={sentence(error.message)}>
          {error.hint && (
            <p>
              <b>{words.whatToDo}</b> {sentence(error.hint)}
            </p>
          )}
          <Small>{error.code}</Small>
        </Notice>
      )}
      <Pairs>
        <Pair term={words.status}>
          <Status tone={TONES[health.state] ?? "quiet"}>{name}</Status>{" "}
          <Muted>
            {words.since} <Time at={health.since} />
          </Muted>
        </Pair>
        {health.latency_ms != null && (
          <Pair term={words.answersIn}>
            {words.ms(health.latency_ms)}{" "}
            <Muted>
              {words.measured} <Time at={health.seen_at} />
            </Muted>
          </Pair>
        )}
        {health.server && (
          <Pair term={words.server}>
            <Mono>{health.server}</Mono>
          </Pair>
        )}
        {health.host_key && (
          <Pair term={words.hostKey}>
            <Digest of={health.host_key} words={health.host_key} />
          </Pair>
        )}
        {connections && (
          <Pair term={words.connections}>
            {words.connectionsOf(connections.open, connections.limit)}{" "}
            <Muted>
              {words.idle(connections.idle)}
              {connections.waiting > 0 && `, ${words.waitFor(connections.waiting)}`}
            </Muted>
          </Pair>
        )}
        <Pair term={words.offers}>
          {extensions.length === 0
            ? words.nothingSpecial
            : extensions.map((name) => (
                <Chip key={name} title={name}>
                  {name.split("@")[0]}
                </Chip>
              ))}
        </Pair>
      </Pairs>
    </PanelBody>
  );
}
