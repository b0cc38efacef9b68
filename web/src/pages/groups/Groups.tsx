import { Folder, Plus, Search } from "lucide-react";
import { useState } from "react";
import { Link } from "wouter";
import type { Schemas } from "../../api/client";
import { useGet } from "../../api/query";
import { to } from "../../app/paths";
import { useMe } from "../../app/session";
import { Button } from "../../parts/Button";
import { SearchBox } from "../../parts/Field";
import { Loaded } from "../../parts/Loaded";
import { Amount } from "../../parts/Meter";
import { Empty } from "../../parts/Notice";
import { Page } from "../../parts/Page";
import { Pager } from "../../parts/Pager";
import { Panel, Toolbar } from "../../parts/Panel";
import { Chip } from "../../parts/Status";
import { Cell, Row, SortTh, Table, Th } from "../../parts/Table";
import { Mono, Time } from "../../parts/Text";
import { type List, useList } from "../../parts/useList";
import { text } from "../../text";
import { count } from "../../text/format";
import { NewGroup } from "./NewGroup";

const words = text.groups;

export default function Groups() {
  const me = useMe();
  const list = useList({ sort: "name" });
  const [creating, setCreating] = useState(false);
  const query = useGet("/api/groups", { params: { query: list.query } });
  const create = me.admin && (
    <Button kind="primary" icon={Plus} onClick={() => setCreating(true)}>
      {words.create}
    </Button>
  );
  return (
    <Page title={words.title} lead={words.lead} actions={create}>
      <Panel label={words.title}>
        <Toolbar end={query.data && words.count(query.data.total)}>
          <SearchBox label={words.filter} value={list.q} onSearch={list.filter} />
        </Toolbar>
        <Loaded query={query} lines={6}>
          {(page) =>
            page.items.length === 0 ? (
              <None list={list} admin={me.admin} onCreate={() => setCreating(true)} />
            ) : (
              <>
                <Rows list={list} groups={page.items} />
                <Pager list={list} page={page} />
              </>
            )
          }
        </Loaded>
      </Panel>
      {creating && <NewGroup onClose={() => setCreating(false)} />}
    </Page>
  );
}

function None({ list, admin, onCreate }: { list: List; admin: boolean; onCreate: () => void }) {
  if (list.q) {
    const clear = (
      <Button small onClick={() => list.filter("")}>
        {text.shared.clearFilter}
      </Button>
    );
    return <Empty icon={Search} title={text.shared.noMatch("group", list.q)} actions={clear} />;
  }
  const create = admin && (
    <Button small icon={Plus} onClick={onCreate}>
      {words.create}
    </Button>
  );
  return (
    <Empty icon={Folder} title={words.none} actions={create}>
      <span>{admin ? words.noneHint : words.noneForYou}</span>
    </Empty>
  );
}

function Rows({ list, groups }: { list: List; groups: Schemas["List_Group"]["items"] }) {
  const most = Math.max(...groups.map((group) => group.logical_bytes));
  return (
    <Table
      even
      label={words.title}
      head={
        <>
          <SortTh order={list.orderOf("name")} onSort={() => list.sortBy("name")}>
            {words.name}
          </SortTh>
          <Th num>{words.repositories}</Th>
          <Th num>{words.tags}</Th>
          <Th>{words.size}</Th>
          <Th>{words.lastPush}</Th>
          <Th middle>{words.visibility}</Th>
          <Th middle>{words.access}</Th>
        </>
      }
    >
      {groups.map((group) => (
        <Row key={group.name}>
          <Cell name>
            <Link href={to.group(group.name)}>
              <Mono>{group.name}</Mono>
            </Link>
          </Cell>
          <Cell num label={words.repositories}>
            {count(group.repositories)}
          </Cell>
          <Cell num label={words.tags}>
            {count(group.tags)}
          </Cell>
          <Cell label={words.size}>
            <Amount of={group.logical_bytes} most={most} label={group.name} />
          </Cell>
          <Cell label={words.lastPush}>
            <Time at={group.last_push_at} />
          </Cell>
          <Cell middle muted label={words.visibility}>
            {group.public ? words.public : words.private}
          </Cell>
          <Cell middle label={words.access}>
            {group.rights.map((right) => (
              <Chip key={right}>{words.rights[right] ?? right}</Chip>
            ))}
          </Cell>
        </Row>
      ))}
    </Table>
  );
}
