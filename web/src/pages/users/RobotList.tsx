import { Bot, Plus } from "lucide-react";
import { type ReactNode, useState } from "react";
import type { Schemas } from "../../api/client";
import { useGet } from "../../api/query";
import { Button } from "../../parts/Button";
import { Until } from "../../parts/Expiry";
import { SearchBox } from "../../parts/Field";
import { Loaded } from "../../parts/Loaded";
import { Empty } from "../../parts/Notice";
import { Pager } from "../../parts/Pager";
import { Panel, Toolbar } from "../../parts/Panel";
import { Scopes } from "../../parts/Rights";
import { SecretOnce } from "../../parts/Secret";
import { Chip } from "../../parts/Status";
import { Cell, MenuTh, Row, Table, Th } from "../../parts/Table";
import { Muted, Time } from "../../parts/Text";
import { type List, useList } from "../../parts/useList";
import { Who } from "../../parts/Who";
import { text } from "../../text";
import { RobotDialog } from "./RobotDialog";
import { RobotMenu } from "./RobotMenu";
import { inShort } from "./secrets";

const words = text.users.robots;

export type Robot = Schemas["Robot"];
export type WithSecret = Schemas["WithSecret"];

/** Each row queries its robot's secrets, so pages are small. */
const LIMIT = 25;

type RobotListProps = {
  group: string;
  /** Shows the group if the page does not. */
  chooser?: ReactNode;
};

/** The robots of a group, for its managers. */
export function RobotList({ group, chooser }: RobotListProps) {
  const list = useList({ name: "robots" });
  const query = useGet(
    "/api/robots",
    { params: { query: { ...list.query, limit: LIMIT, group } } },
    { fresh: true },
  );
  const [creating, setCreating] = useState(false);
  const [shown, setShown] = useState<WithSecret | null>(null);
  return (
    <Panel
      title={words.title}
      note={words.note(group)}
      end={
        <Button small icon={Plus} onClick={() => setCreating(true)}>
          {words.create}
        </Button>
      }
    >
      {(chooser || list.q || (query.data?.total ?? 0) > LIMIT) && (
        <Toolbar>
          {chooser}
          <SearchBox label={words.filter} value={list.q} onSearch={list.filter} />
        </Toolbar>
      )}
      {shown && (
        <SecretOnce
          title={words.secret(shown.name)}
          secret={shown.secret}
          user={shown.name}
          onDone={() => setShown(null)}
        />
      )}
      <Loaded query={query} lines={3}>
        {(page) =>
          page.items.length === 0 ? (
            <NoRobots group={group} list={list} />
          ) : (
            <>
              <Table
                even
                label={words.title}
                head={
                  <>
                    <Th>{words.robot}</Th>
                    <Th>{words.may}</Th>
                    <Th>{words.lastUsed}</Th>
                    <Th>{words.expires}</Th>
                    <Th middle>{words.madeBy}</Th>
                    <MenuTh label={text.users.more} />
                  </>
                }
              >
                {page.items.map((robot) => (
                  <RobotRow
                    key={robot.name}
                    robot={robot}
                    onSecret={setShown}
                    onGone={() => setShown((it) => (it?.name === robot.name ? null : it))}
                  />
                ))}
              </Table>
              <Pager list={list} page={page} />
            </>
          )
        }
      </Loaded>
      {creating && (
        <RobotDialog group={group} onClose={() => setCreating(false)} onSecret={setShown} />
      )}
    </Panel>
  );
}

function NoRobots({ group, list }: { group: string; list: List }) {
  if (!list.q) {
    return (
      <Empty icon={Bot} title={words.none(group)}>
        <span>{words.noneHint}</span>
      </Empty>
    );
  }
  return (
    <Empty
      icon={Bot}
      title={text.shared.noMatch(words.what, list.q)}
      actions={<Button onClick={() => list.filter("")}>{text.shared.clearFilter}</Button>}
    />
  );
}

type RowProps = {
  robot: Robot;
  onSecret: (shown: WithSecret) => void;
  onGone: () => void;
};

function RobotRow({ robot, onSecret, onGone }: RowProps) {
  const { name } = robot;
  const { data } = useGet("/api/robots/{name}", { params: { path: { name } } }, { fresh: true });
  const secrets = data && inShort(data.secrets);
  return (
    <Row>
      <Cell name>
        <Who name={name.slice(name.indexOf("+") + 1)} robot title={`${name}\n${robot.description}`}>
          {robot.disabled && <Chip>{words.disabled}</Chip>}
        </Who>
      </Cell>
      <Cell label={words.may} wide>
        <Scopes of={robot.scopes} />
      </Cell>
      <Cell label={words.lastUsed} muted>
        {secrets && (
          <span title={secrets.usedFrom ? words.from(secrets.usedFrom) : undefined}>
            <Time at={secrets.usedAt} />
          </span>
        )}
      </Cell>
      <Cell label={words.expires}>
        {secrets && <Until at={secrets.expiresAt} ended={secrets.ended} />}
        {secrets?.older && <Muted>{words.older}</Muted>}
      </Cell>
      <Cell label={words.madeBy} muted middle>
        {robot.created_by ?? words.gone}
      </Cell>
      <Cell corner="menu">
        <RobotMenu robot={robot} onSecret={onSecret} onGone={onGone} />
      </Cell>
    </Row>
  );
}
