import { Search, Tag as TagIcon } from "lucide-react";
import { useState } from "react";
import { paceOf } from "../../api/pace";
import { useGet } from "../../api/query";
import { Button } from "../../parts/Button";
import { Command } from "../../parts/Copy";
import { Check, SearchBox, Select } from "../../parts/Field";
import { Loaded } from "../../parts/Loaded";
import { Empty } from "../../parts/Notice";
import { Pager } from "../../parts/Pager";
import { Panel, Toolbar } from "../../parts/Panel";
import { MenuTh, SortTh, Table, Th } from "../../parts/Table";
import { type List, useList } from "../../parts/useList";
import { text } from "../../text";
import { SelectionBar } from "./SelectionBar";
import { renewed, useSelection } from "./selection";
import { TagDeletion } from "./TagDeletion";
import { type Tag, TagRow } from "./TagRow";

const words = text.repository;

type TagsProps = {
  repo: string;
  host: string;
  rights: string[];
};

export function Tags({ repo, host, rights }: TagsProps) {
  const list = useList({ sort: "pushed", order: "desc" });
  const selection = useSelection();
  const [deleting, setDeleting] = useState<string[]>([]);
  const query = useGet(
    "/api/tags",
    { params: { query: { ...list.query, repo, sort: list.sort } } },
    { refetchInterval: ({ state }) => paceOf(state.data?.items.map((tag) => tag.durability)) },
  );
  const shown = query.data?.items ?? [];
  return (
    <>
      <Panel label={words.tags}>
        <Toolbar end={query.data && text.shared.tags(query.data.total)}>
          <SearchBox label={words.filter} value={list.q} onSearch={list.filter} />
          <Order list={list} />
        </Toolbar>
        <Loaded query={query} lines={10}>
          {(page) =>
            page.items.length === 0 ? (
              <None list={list} example={`${host}/${repo}:1.0`} pushes={rights.includes("push")} />
            ) : (
              <>
                <Rows
                  repo={repo}
                  host={host}
                  rights={rights}
                  list={list}
                  tags={page.items}
                  selection={selection}
                  onDelete={setDeleting}
                />
                <Pager list={list} page={page} />
              </>
            )
          }
        </Loaded>
      </Panel>
      <SelectionBar
        repo={repo}
        chosen={renewed(selection.chosen, shown)}
        mayDelete={rights.includes("delete")}
        onDelete={setDeleting}
        onClear={selection.clear}
      />
      <TagDeletion
        repo={repo}
        tags={deleting}
        onClose={() => setDeleting([])}
        onDone={selection.forget}
      />
    </>
  );
}

function Order({ list }: { list: List }) {
  return (
    <Select
      label={words.order}
      value={`${list.sort} ${list.order}`}
      onChange={(event) => {
        const [sort, order] = event.target.value.split(" ");
        list.ask({ sort, order });
      }}
    >
      {Object.entries(words.orders).map(([order, name]) => (
        <option key={order} value={order}>
          {name}
        </option>
      ))}
    </Select>
  );
}

function None({ list, example, pushes }: { list: List; example: string; pushes: boolean }) {
  if (list.q) {
    const clear = (
      <Button small onClick={() => list.filter("")}>
        {text.shared.clearFilter}
      </Button>
    );
    return <Empty icon={Search} title={text.shared.noMatch(words.what, list.q)} actions={clear} />;
  }
  return (
    <Empty icon={TagIcon} title={words.empty}>
      <span>{pushes ? words.emptyPush : words.emptyPull}</span>
      {pushes && <Command>{`docker push ${example}`}</Command>}
    </Empty>
  );
}

type RowsProps = TagsProps & {
  list: List;
  tags: Tag[];
  onDelete: (tags: string[]) => void;
  selection: ReturnType<typeof useSelection>;
};

function Rows({ list, tags, selection, ...of }: RowsProps) {
  const chosen = tags.filter(({ name }) => selection.chosen.has(name)).length;
  const sort = (column: string, first: "asc" | "desc") => ({
    order: list.orderOf(column),
    onSort: () => list.sortBy(column, first),
  });
  return (
    <Table
      label={words.tags}
      head={
        <>
          <Th tight>
            <Check
              label={words.selectAll}
              checked={chosen === tags.length}
              some={chosen > 0 && chosen < tags.length}
              onChange={(event) => selection.chooseAll(tags, event.target.checked)}
            />
          </Th>
          <SortTh {...sort("name", "asc")}>{words.tag}</SortTh>
          <Th middle>{words.digest}</Th>
          <Th middle>{words.platforms}</Th>
          <SortTh num {...sort("size", "desc")}>
            {words.size}
          </SortTh>
          <SortTh {...sort("pushed", "desc")}>{words.pushed}</SortTh>
          <SortTh middle {...sort("pulled", "desc")}>
            {words.pulled}
          </SortTh>
          <Th>{text.shared.durability.title}</Th>
          <MenuTh label={words.menu} />
        </>
      }
    >
      {tags.map((tag) => (
        <TagRow
          key={tag.name}
          {...of}
          tag={tag}
          sameAs={tags.filter((it) => it.digest === tag.digest && it !== tag).map((it) => it.name)}
          picked={selection.chosen.has(tag.name)}
          onPick={(on, range) => selection.choose(tag.name, on, tags, range)}
        />
      ))}
    </Table>
  );
}
