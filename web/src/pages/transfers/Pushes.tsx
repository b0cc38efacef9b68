import { CircleCheck, SearchX, X } from "lucide-react";
import { useCallback, useState } from "react";
import { Link, useSearch } from "wouter";
import { useGet } from "../../api/query";
import { to } from "../../app/paths";
import { Button } from "../../parts/Button";
import { Command } from "../../parts/Copy";
import { SearchBox, Segments } from "../../parts/Field";
import { Loaded } from "../../parts/Loaded";
import { Empty } from "../../parts/Notice";
import { Pager } from "../../parts/Pager";
import { Panel, PanelFoot, Toolbar } from "../../parts/Panel";
import { type List, useList } from "../../parts/useList";
import { text } from "../../text";
import { count } from "../../text/format";
import s from "./Pushes.module.css";
import { PushRow } from "./PushRow";
import { type Push, shareRows, worthARow } from "./pushes";
import { useSummary } from "./useSummary";
import { asked, OPEN, useTransfers } from "./useTransfers";

const words = text.transfers;

/** Maximum number of rows; thousands of transfers may be running. */
const ROWS_MAX = 100;
const PUSHES_MAX = 50;
/** Number of failed pushes that are expanded by default. */
const OPEN_MAX = 3;

/** Pushes with running, failed or finished transfers. */
export function Pushes() {
  const list = useList();
  const { query, pushes, total } = useTransfers(list);
  const { state } = asked(list);
  const shown = pushes.slice(0, PUSHES_MAX);
  const { isOpen, toggle } = useOpen(shown);
  const opened = shown.map((push) => (isOpen(push) ? worthARow(push.jobs).length : 0));
  // Finished pushes may have more transfers than loaded.
  const counts = opened.map((rows, at) =>
    rows > 0 ? Math.max(rows, (shown[at]?.blobsTotal ?? 0) + 2) : 0,
  );
  const rows = shareRows(counts, ROWS_MAX - shown.length);
  return (
    <Panel label={words.list}>
      <Tools list={list} />
      <Loaded query={query}>
        {(page) =>
          shown.length === 0 ? (
            <Nothing list={list} />
          ) : (
            <>
              <ul aria-label={words.list}>
                {shown.map((push, at) => (
                  <PushRow
                    key={push.key}
                    push={push}
                    open={isOpen(push)}
                    rows={rows[at] ?? 0}
                    onToggle={toggle}
                  />
                ))}
              </ul>
              {state ? (
                <Pager list={list} page={page} />
              ) : (
                <OpenFoot total={total} all={pushes} shown={shown} />
              )}
            </>
          )
        }
      </Loaded>
    </Panel>
  );
}

/** Expanded pushes: by the user, and the first failed ones. */
function useOpen(shown: Push[]) {
  const [chosen, setChosen] = useState<ReadonlyMap<string, boolean>>(new Map());
  const toggle = useCallback(
    (key: string, open: boolean) => setChosen((old) => new Map(old).set(key, open)),
    [],
  );
  const failed = shown.filter(({ state }) => state === "failed").slice(0, OPEN_MAX);
  const isOpen = (push: Push) => chosen.get(push.key) ?? failed.includes(push);
  return { isOpen, toggle };
}

function Tools({ list }: { list: List }) {
  const { state, repo } = asked(list);
  const { data } = useSummary();
  const open = data && data.waiting + data.pending + data.running + data.failed;
  const named = (name: string, n: number | undefined): string =>
    n === undefined ? name : `${name} ${count(n)}`;
  const view = state === "failed" || state === "done" ? state : "open";
  return (
    <Toolbar end={<span className={s.grouped}>{words.grouped}</span>}>
      <Segments
        label={words.show}
        value={view}
        options={[
          ["open", named(words.open, open)],
          ["failed", named(words.states.failed, data?.failed)],
          ["done", named(words.states.done, data?.done)],
        ]}
        onChoose={(next) => list.ask({ state: next === "open" ? undefined : next })}
      />
      <SearchBox label={words.filter} value={list.q} onSearch={list.filter} />
      {state && view === "open" && (
        <Button small icon={X} title={words.all} onClick={() => list.ask({ state: undefined })}>
          {words.only(words.states[state].toLowerCase())}
        </Button>
      )}
      {repo && (
        <Button small icon={X} title={words.all} onClick={() => list.ask({ repo: undefined })}>
          {words.only(repo)}
        </Button>
      )}
    </Toolbar>
  );
}

type FootProps = { total: number; all: Push[]; shown: Push[] };

/** Number of visible transfers, and a link to the rest. */
function OpenFoot({ total, all, shown }: FootProps) {
  const search = useSearch();
  const summary = useSummary().data;
  const transfers = (pushes: Push[]) =>
    pushes.reduce((sum, { jobs }) => sum + jobs.filter((job) => job.state !== "done").length, 0);
  const here = transfers(shown);
  const most = Math.max(total, transfers(all));
  if (most === here) {
    const open = shown.filter((push) => push.state !== "done");
    return <PanelFoot>{words.shownOf(open.length, here)}</PanelFoot>;
  }
  const only = (state: string) => {
    const params = new URLSearchParams(search);
    params.set("state", state);
    return `${to.transfers}?${params}`;
  };
  return (
    <PanelFoot
      end={OPEN.filter((state) => summary?.[state] !== 0).map((state) => (
        <Link key={state} className={s.all} href={only(state)}>
          {words.allOf(words.states[state])}
        </Link>
      ))}
    >
      {words.more(here, most)}
    </PanelFoot>
  );
}

function Nothing({ list }: { list: List }) {
  const { state, repo } = asked(list);
  const host = useGet("/api/config").data?.registry_host;
  const filter = list.q || repo;
  if (filter) {
    return (
      <Empty
        icon={SearchX}
        title={words.empty.noMatch(filter)}
        actions={
          <Button onClick={() => list.ask({ q: undefined, repo: undefined })}>
            {text.shared.clearFilter}
          </Button>
        }
      />
    );
  }
  if (state) {
    const { failed, done, other } = words.empty;
    const title = state === "failed" ? failed : state === "done" ? done : other;
    return <Empty icon={CircleCheck} title={title} />;
  }
  return (
    <Empty icon={CircleCheck} title={words.empty.open}>
      <span>{words.empty.hint}</span>
      {host && (
        <div>
          <Command>{`docker push ${host}/team/app:1.0`}</Command>
        </div>
      )}
    </Empty>
  );
}
