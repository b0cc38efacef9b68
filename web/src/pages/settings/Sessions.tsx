import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { answer, api, get, type Schemas } from "../../api/client";
import { renew, useGet } from "../../api/query";
import { Button } from "../../parts/Button";
import { Confirm } from "../../parts/Dialog";
import { Loaded } from "../../parts/Loaded";
import { Pager } from "../../parts/Pager";
import { Panel } from "../../parts/Panel";
import { Chip } from "../../parts/Status";
import { Cell, MenuTh, Row, Table, Th } from "../../parts/Table";
import { Muted, Time } from "../../parts/Text";
import { say, warn } from "../../parts/Toast";
import { useList } from "../../parts/useList";
import { text } from "../../text";
import { clientName } from "./client";

const words = text.settings.sessions;

type Session = Schemas["List_Session"]["items"][number];

export function Sessions() {
  const list = useList({ name: "sessions", order: "desc" });
  const query = useGet("/api/sessions", { params: { query: list.query } });
  return (
    <Panel
      title={words.title}
      note={words.note}
      end={query.data && query.data.total > 1 && <EndOthers />}
    >
      <Loaded query={query} lines={2}>
        {(page) => (
          <>
            <Table
              even
              label={words.title}
              head={
                <>
                  <Th>{words.client}</Th>
                  <Th>{words.from}</Th>
                  <Th middle>{words.opened}</Th>
                  <Th>{words.lastUsed}</Th>
                  <MenuTh label={words.end} />
                </>
              }
            >
              {page.items.map((session) => (
                <SessionRow key={session.id} session={session} />
              ))}
            </Table>
            <Pager list={list} page={page} />
          </>
        )}
      </Loaded>
    </Panel>
  );
}

const end = (id: string) => answer(api.DELETE("/api/sessions/{id}", { params: { path: { id } } }));

function SessionRow({ session }: { session: Session }) {
  const { client, address } = session;
  const name = client ? clientName(client) : words.unknown;
  const ending = useMutation({
    mutationFn: () => end(session.id),
    onSuccess: () => {
      say(words.ended);
      return renew("/api/sessions");
    },
    onError: (problem) => warn(problem.message),
  });
  return (
    <Row>
      <Cell name>
        <span title={client ?? undefined}>{name}</span>{" "}
        {session.kind !== "browser" && <Muted>{words.kind[session.kind]}</Muted>}
        {session.current && <Chip tone="ok">{words.here}</Chip>}
      </Cell>
      <Cell label={words.from} muted>
        {address ?? text.shared.unknown}
      </Cell>
      <Cell label={words.opened} muted middle>
        <Time at={session.created_at} />
      </Cell>
      <Cell label={words.lastUsed} muted>
        <Time at={session.last_used_at} />
      </Cell>
      <Cell state>
        {!session.current && (
          <Button
            small
            busy={ending.isPending}
            aria-label={words.endIt(name, address ?? "")}
            onClick={() => ending.mutate()}
          >
            {words.end}
          </Button>
        )}
      </Cell>
    </Row>
  );
}

/** Page by page: each response lists the remaining sessions. */
async function endAllOthers() {
  let ended = 0;
  for (;;) {
    const { items } = await get("/api/sessions", { params: { query: { limit: 100 } } });
    const others = items.filter((session) => !session.current);
    if (others.length === 0) return ended;
    for (const session of others) await end(session.id);
    ended += others.length;
  }
}

function EndOthers() {
  const [open, setOpen] = useState(false);
  const ending = useMutation({
    mutationFn: endAllOthers,
    onSuccess: (ended) => {
      setOpen(false);
      say(words.endedOthers(ended));
    },
    onSettled: () => renew("/api/sessions"),
  });
  return (
    <>
      <Button small onClick={() => setOpen(true)}>
        {words.endOthers}
      </Button>
      <Confirm
        open={open}
        onClose={() => setOpen(false)}
        title={words.endOthersTitle}
        confirm={words.endOthers}
        onConfirm={() => ending.mutate()}
        busy={ending.isPending}
        problem={ending.error}
      >
        <p>{words.endOthersEffect}</p>
      </Confirm>
    </>
  );
}
