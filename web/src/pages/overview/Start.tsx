import { ChevronLeft, FolderLock } from "lucide-react";
import { useState } from "react";
import { Link } from "wouter";
import type { Got, Schemas } from "../../api/client";
import { useRegistryHost } from "../../api/config";
import { useGet } from "../../api/query";
import { to } from "../../app/paths";
import { useMe } from "../../app/session";
import { Button } from "../../parts/Button";
import { Command } from "../../parts/Copy";
import { cx } from "../../parts/class";
import { Segments } from "../../parts/Field";
import { Empty } from "../../parts/Notice";
import { Columns, Page, Stack } from "../../parts/Page";
import { Panel, PanelBody, PanelFoot, Toolbar } from "../../parts/Panel";
import { Status } from "../../parts/Status";
import { Muted } from "../../parts/Text";
import { text } from "../../text";
import { isPlain } from "../sign-in/place";
import { FirstGroup } from "./FirstGroup";
import { PlainHttp } from "./PlainHttp";
import { Ready } from "./Ready";
import s from "./Start.module.css";
import { stepsOf, type Way } from "./ways";

const words = text.overview.start;
const WAYS: [Way, string][] = [
  ["docker", "docker"],
  ["podman", "podman"],
  ["actions", "GitHub Actions"],
];

type StartProps = { overview: Got<"/api/overview">; onBack?: () => void };

/** First steps: the commands to push the first image. */
export function Start({ overview, onBack }: StartProps) {
  const me = useMe();
  const groups = useGet("/api/groups", { params: { query: { limit: 100 } } });
  const config = useGet("/api/config");
  const [made, setMade] = useState("");
  const [way, setWay] = useState<Way>("docker");
  const host = useRegistryHost();
  const group = made || groups.data?.items.find(takesNew)?.name;
  const repository = me.repositories.find(({ rights }) => rights.includes("push"))?.name;
  const mayPush = me.admin || group || repository;
  const image = `${host}/${(!group && repository) || `${group ?? "team"}/hello`}:1.0`;
  const title = onBack ? text.overview.howToPush : text.overview.title;
  const back = onBack && (
    <Button icon={ChevronLeft} onClick={onBack}>
      {text.overview.title}
    </Button>
  );
  if (groups.data && !mayPush) {
    const readsSome = groups.data.total > 0;
    return (
      <Page title={title} lead={onBack ? undefined : words.leadUser} actions={back}>
        <Panel label={title}>
          <Empty icon={FolderLock} title={readsSome ? words.onlyPull : words.noRights}>
            <span>{readsSome ? words.onlyPullHint : words.noRightsHint}</span>
          </Empty>
        </Panel>
      </Page>
    );
  }
  const steps = stepsOf(way, { host, user: me.user.username, image });
  return (
    <Page title={title} lead={onBack ? undefined : `${words.title}. ${words.lead}`} actions={back}>
      <Columns>
        <Panel label={words.steps}>
          <Toolbar end={words.commandsFor(host)}>
            <Segments label={words.way} value={way} options={WAYS} onChoose={setWay} />
          </Toolbar>
          <ol className={s.steps}>
            {!onBack && (
              <li className={cx(group && s.done)}>
                <h2>{words.group}</h2>
                <Muted>{words.groupHint}</Muted>
                {group ? (
                  <Status tone="ok">{words.made(group)}</Status>
                ) : (
                  <FirstGroup onMade={setMade} />
                )}
              </li>
            )}
            {steps.map(({ name, hint, command, prompt }) => (
              <li key={name}>
                <h2>{name}</h2>
                <Muted>{hint}</Muted>
                <Command prompt={prompt}>{command}</Command>
              </li>
            ))}
          </ol>
          {isPlain({
            protocol: config.data?.https ? "https:" : "http:",
            hostname: nameOf(host),
          }) && <PlainHttp host={host} />}
          {overview.tags === 0 && <PanelFoot>{words.waiting}</PanelFoot>}
        </Panel>
        <Stack>
          {overview.tags === 0 && <Ready />}
          <Panel title={words.next}>
            <PanelBody tight>
              {me.admin && <Link href={to.users}>{words.users}</Link>}
              <Link href={to.settings}>{words.tokens}</Link>
              {me.admin && <Link href={to.storage}>{words.check}</Link>}
            </PanelBody>
          </Panel>
        </Stack>
      </Columns>
    </Page>
  );
}

/** Whether the first push creates a repository in the group. */
const takesNew = ({ rights, create_on_push }: Schemas["List_Group"]["items"][number]) =>
  rights.includes("push") && (create_on_push || rights.includes("manage"));

/** A host without its port. */
const nameOf = (host: string) => host.replace(/:\d+$/, "");
