import { Package, Search } from "lucide-react";
import { Link } from "wouter";
import type { Schemas } from "../../api/client";
import { useRegistryHost } from "../../api/config";
import { useGet } from "../../api/query";
import { to } from "../../app/paths";
import { may, useMe } from "../../app/session";
import { Button } from "../../parts/Button";
import { Command } from "../../parts/Copy";
import { SearchBox } from "../../parts/Field";
import { Loaded } from "../../parts/Loaded";
import { Empty } from "../../parts/Notice";
import { Pager } from "../../parts/Pager";
import { Panel, Toolbar } from "../../parts/Panel";
import { Cell, Row, SortTh, Table, Th } from "../../parts/Table";
import { Bytes, RepositoryName, Small, Time } from "../../parts/Text";
import { type List, useList } from "../../parts/useList";
import { text } from "../../text";
import { count } from "../../text/format";

const words = text.group;
export type GroupRow = Schemas["List_Group"]["items"][number];

export function Repositories({ group, manages }: { group: GroupRow; manages: boolean }) {
  const list = useList({ sort: "name" });
  const query = useGet("/api/repos", {
    params: { query: { ...list.query, sort: list.sort, group: group.name } },
  });
  return (
    <>
      <Panel label={words.repositories}>
        <Toolbar end={query.data && text.shared.repositories(query.data.total)}>
          <SearchBox label={words.filter} value={list.q} onSearch={list.filter} />
        </Toolbar>
        <Loaded query={query} lines={6}>
          {(page) =>
            page.items.length === 0 ? (
              <None list={list} group={group} manages={manages} />
            ) : (
              <>
                <Rows list={list} repositories={page.items} />
                <Pager list={list} page={page} />
              </>
            )
          }
        </Loaded>
      </Panel>
      <Small>{words.note}</Small>
    </>
  );
}

function None({ list, group, manages }: { list: List; group: GroupRow; manages: boolean }) {
  const me = useMe();
  const host = useRegistryHost();
  if (list.q) {
    const clear = (
      <Button small onClick={() => list.filter("")}>
        {text.shared.clearFilter}
      </Button>
    );
    return <Empty icon={Search} title={text.shared.noMatch(words.what, list.q)} actions={clear} />;
  }
  const pushes = may(me, "push", group.name);
  const appears = pushes && (group.create_on_push || manages);
  const why = pushes ? words.emptyMade : words.emptyPull;
  return (
    <Empty icon={Package} title={words.empty}>
      <span>{appears ? words.emptyPush : why}</span>
      {appears && <Command>{`docker push ${host}/${group.name}/app:1.0`}</Command>}
    </Empty>
  );
}

function Rows({
  list,
  repositories,
}: {
  list: List;
  repositories: Schemas["List_Repository"]["items"];
}) {
  return (
    <Table
      even
      label={words.repositories}
      head={
        <>
          <SortTh order={list.orderOf("name")} onSort={() => list.sortBy("name")}>
            {words.repository}
          </SortTh>
          <SortTh num order={list.orderOf("tags")} onSort={() => list.sortBy("tags", "desc")}>
            {words.tags}
          </SortTh>
          <SortTh num order={list.orderOf("size")} onSort={() => list.sortBy("size", "desc")}>
            {words.own}
          </SortTh>
          <Th num>{words.shared}</Th>
          <SortTh order={list.orderOf("pushed")} onSort={() => list.sortBy("pushed", "desc")}>
            {words.lastPush}
          </SortTh>
          <Th num middle>
            {words.pulls}
          </Th>
        </>
      }
    >
      {repositories.map((it) => (
        <Row key={it.name}>
          <Cell name>
            <Link href={to.repository(it.name)}>
              <RepositoryName name={it.name} />
            </Link>
          </Cell>
          <Cell num label={words.tags}>
            {count(it.tags)}
          </Cell>
          <Cell num label={words.own}>
            <Bytes of={it.unique_bytes} />
          </Cell>
          <Cell num muted label={words.shared}>
            <Bytes of={it.logical_bytes - it.unique_bytes} />
          </Cell>
          <Cell label={words.lastPush}>
            <Time at={it.last_push_at} />
          </Cell>
          <Cell num middle label={words.pulls}>
            {count(it.pulls)}
          </Cell>
        </Row>
      ))}
    </Table>
  );
}
