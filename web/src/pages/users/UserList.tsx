import { Clock, Minus, Plus, Users as UsersIcon } from "lucide-react";
import { useState } from "react";
import type { Schemas } from "../../api/client";
import { useGet } from "../../api/query";
import { useMe } from "../../app/session";
import { Button } from "../../parts/Button";
import { SearchBox } from "../../parts/Field";
import { Loaded } from "../../parts/Loaded";
import { Empty } from "../../parts/Notice";
import { Pager } from "../../parts/Pager";
import { Panel, Toolbar } from "../../parts/Panel";
import { Scopes } from "../../parts/Rights";
import { SecretOnce } from "../../parts/Secret";
import { Chip, Status } from "../../parts/Status";
import { Cell, MenuTh, Row, SortTh, Table, Th } from "../../parts/Table";
import { Muted, Time } from "../../parts/Text";
import { useList } from "../../parts/useList";
import { Who } from "../../parts/Who";
import { text } from "../../text";
import { type Handed, NewUser } from "./NewUser";
import { UserMenu } from "./UserMenu";

const words = text.users.list;

export type Account = Schemas["Account"];

export function UserList() {
  const list = useList({ name: "users", sort: "name" });
  const query = useGet("/api/users", { params: { query: { ...list.query, sort: list.sort } } });
  const [creating, setCreating] = useState(false);
  const [handed, setHanded] = useState<Handed | null>(null);
  return (
    <Panel label={words.title}>
      <Toolbar
        end={
          <Button kind="primary" icon={Plus} onClick={() => setCreating(true)}>
            {words.create}
          </Button>
        }
      >
        <SearchBox label={words.filter} value={list.q} onSearch={list.filter} />
      </Toolbar>
      {handed && (
        <SecretOnce
          title={handed.title}
          secret={handed.password}
          user={handed.user}
          person
          onDone={() => setHanded(null)}
        />
      )}
      <Loaded query={query} lines={6}>
        {(page) =>
          page.items.length === 0 ? (
            <Empty
              icon={UsersIcon}
              title={text.shared.noMatch(words.what, list.q)}
              actions={<Button onClick={() => list.filter("")}>{text.shared.clearFilter}</Button>}
            />
          ) : (
            <>
              <Table
                even
                label={words.title}
                head={
                  <>
                    <SortTh order={list.orderOf("name")} onSort={() => list.sortBy("name")}>
                      {words.user}
                    </SortTh>
                    <Th>{words.role}</Th>
                    <Th>{words.rights}</Th>
                    <SortTh
                      middle
                      order={list.orderOf("last_login")}
                      onSort={() => list.sortBy("last_login", "desc")}
                    >
                      {words.lastLogin}
                    </SortTh>
                    <Th>{words.state}</Th>
                    <MenuTh label={text.users.more} />
                  </>
                }
              >
                {page.items.map((account) => (
                  <UserRow key={account.id} account={account} onHand={setHanded} />
                ))}
              </Table>
              <Pager list={list} page={page} />
            </>
          )
        }
      </Loaded>
      {creating && <NewUser onClose={() => setCreating(false)} onHand={setHanded} />}
    </Panel>
  );
}

type RowProps = { account: Account; onHand: (handed: Handed) => void };

function UserRow({ account, onHand }: RowProps) {
  const me = useMe();
  const mine = account.name === me.user.username;
  return (
    <Row>
      <Cell name>
        <Who name={account.name}>{mine && <Chip>{words.you}</Chip>}</Who>
      </Cell>
      <Cell label={words.role}>{words.roles[account.role]}</Cell>
      <Cell label={words.rights} wide>
        <RightsOf account={account} />
      </Cell>
      <Cell label={words.lastLogin} muted middle>
        <Time at={account.last_login_at} />
      </Cell>
      <Cell state>
        <StateOf account={account} />
      </Cell>
      <Cell corner="menu">
        <UserMenu account={account} mine={mine} onHand={onHand} />
      </Cell>
    </Row>
  );
}

function RightsOf({ account }: { account: Account }) {
  if (account.role === "admin") return <Muted>{text.access.every}</Muted>;
  if (account.grants.length === 0) return <Muted>{words.none}</Muted>;
  return (
    <Scopes
      of={account.grants.map(({ group, repository, rights }) => ({
        repositories: repository ?? `${group}/*`,
        rights,
      }))}
    />
  );
}

function StateOf({ account }: { account: Account }) {
  if (account.disabled) {
    return (
      <Status tone="quiet" icon={Minus}>
        {words.disabled}
      </Status>
    );
  }
  if (account.must_change_password) {
    return (
      <Status tone="warn" icon={Clock} title={words.mustChangeHint}>
        {words.mustChange}
      </Status>
    );
  }
  return <Status tone="ok">{words.active}</Status>;
}
