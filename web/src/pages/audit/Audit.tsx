import { Download, ListTree } from "lucide-react";
import { useGet } from "../../api/query";
import { Button } from "../../parts/Button";
import { Input, SearchBox, Select } from "../../parts/Field";
import { Loaded } from "../../parts/Loaded";
import { Empty } from "../../parts/Notice";
import { Page } from "../../parts/Page";
import { Pager } from "../../parts/Pager";
import { Panel, Toolbar } from "../../parts/Panel";
import { Table, Th } from "../../parts/Table";
import { type List, useList } from "../../parts/useList";
import { text } from "../../text";
import s from "./Audit.module.css";
import { Entry } from "./Entry";

const words = text.audit;

/** Filters in addition to the text, named as in URL and API. */
const FILTERS = ["actor", "action", "repo", "since"] as const;

export default function Audit() {
  const list = useList();
  const filters = Object.fromEntries(FILTERS.map((name) => [name, list.param(name) || undefined]));
  const { q, limit, cursor } = list.query;
  const query = useGet("/api/audit", { params: { query: { ...filters, q, limit, cursor } } });
  const filtered = Boolean(q) || FILTERS.some((name) => list.param(name));
  return (
    <Page title={words.title} lead={words.lead} actions={<Csv list={list} />}>
      <Panel label={words.title}>
        <Toolbar>
          <SearchBox label={words.filter} value={list.q} onSearch={list.filter} />
          <Filters list={list} />
        </Toolbar>
        <Loaded query={query} lines={10}>
          {(page) =>
            page.items.length === 0 ? (
              <Empty
                icon={ListTree}
                title={filtered ? words.none : words.empty}
                actions={filtered && <ClearFilters list={list} />}
              />
            ) : (
              <>
                <Table
                  label={words.title}
                  head={
                    <>
                      <Th>{words.when}</Th>
                      <Th>{words.actor}</Th>
                      <Th>{words.what}</Th>
                      <Th>{words.on}</Th>
                      <Th middle>{words.from}</Th>
                      <Th>{words.result}</Th>
                    </>
                  }
                >
                  {page.items.map((entry) => (
                    <Entry key={entry.id} entry={entry} />
                  ))}
                </Table>
                <Pager list={list} page={page} />
              </>
            )
          }
        </Loaded>
      </Panel>
    </Page>
  );
}

function Filters({ list }: { list: List }) {
  return (
    <div className={s.filters}>
      <Select
        label={words.action}
        value={list.param("action")}
        onChange={(event) => list.ask({ action: event.target.value })}
      >
        <option value="">{words.anyAction}</option>
        {Object.entries(words.actions).map(([action, name]) => (
          <option key={action} value={action}>
            {name}
          </option>
        ))}
      </Select>
      <Typed list={list} name="actor" label={words.anyActor} />
      <Typed list={list} name="repo" label={words.anyRepository} />
      <div className={s.since}>
        {words.since}
        <Input
          type="date"
          label={words.since}
          value={list.param("since")}
          onChange={(event) => list.ask({ since: event.target.value })}
        />
      </div>
    </div>
  );
}

/** Filters by exact name, applied on blur or Enter. */
function Typed({ list, name, label }: { list: List; name: "actor" | "repo"; label: string }) {
  const value = list.param(name);
  return (
    <div className={s.typed}>
      <Input
        key={value}
        label={label}
        defaultValue={value}
        onBlur={({ target }) =>
          target.value.trim() !== value && list.ask({ [name]: target.value.trim() })
        }
        onKeyDown={(event) => event.key === "Enter" && event.currentTarget.blur()}
      />
    </div>
  );
}

const ClearFilters = ({ list }: { list: List }) => (
  <Button
    small
    onClick={() => list.ask(Object.fromEntries(["q", ...FILTERS].map((name) => [name, undefined])))}
  >
    {text.shared.clearFilter}
  </Button>
);

/** Downloads all matching entries. */
function Csv({ list }: { list: List }) {
  const params = new URLSearchParams({ format: "csv" });
  for (const name of ["q", ...FILTERS]) if (list.param(name)) params.set(name, list.param(name));
  return (
    <a className={s.csv} href={`/api/audit?${params}`} download="audit.csv">
      <Download size={16} strokeWidth={1.75} aria-hidden="true" />
      {words.csv}
    </a>
  );
}
