import { useMutation } from "@tanstack/react-query";
import { Pencil, Plus, Trash2, Users as UsersIcon } from "lucide-react";
import { useState } from "react";
import { answer, api } from "../../api/client";
import { renew, useGet } from "../../api/query";
import { Button } from "../../parts/Button";
import { Confirm } from "../../parts/Dialog";
import { SearchBox } from "../../parts/Field";
import { Loaded } from "../../parts/Loaded";
import { Menu } from "../../parts/Menu";
import { Empty } from "../../parts/Notice";
import { Pager } from "../../parts/Pager";
import { Panel, Toolbar } from "../../parts/Panel";
import { rightsInWords } from "../../parts/Rights";
import { Cell, MenuTh, Row, Table, Th } from "../../parts/Table";
import { Mono, Muted } from "../../parts/Text";
import { say } from "../../parts/Toast";
import { useList } from "../../parts/useList";
import { Who } from "../../parts/Who";
import { text } from "../../text";
import { type Grant, GrantDialog } from "./GrantDialog";

const words = text.users.grants;

/** Access to a group and its repositories, for its managers. */
export function GrantList({ group }: { group: string }) {
  const list = useList({ name: "rights" });
  const query = useGet("/api/grants", { params: { query: { ...list.query, group } } });
  const [changing, setChanging] = useState<Grant | "new" | null>(null);
  const [taking, setTaking] = useState<Grant | null>(null);
  const old = changing === "new" || !changing ? undefined : changing;
  return (
    <Panel
      title={words.title}
      note={words.note}
      end={
        <Button small icon={Plus} onClick={() => setChanging("new")}>
          {text.users.rights.give}
        </Button>
      }
    >
      <Loaded query={query} lines={3}>
        {(page) => (
          <>
            {(list.q || page.next_cursor || page.prev_cursor) && (
              <Toolbar>
                <SearchBox label={words.filter} value={list.q} onSearch={list.filter} />
              </Toolbar>
            )}
            {page.items.length === 0 ? (
              <Empty
                icon={UsersIcon}
                title={list.q ? text.shared.noMatch(words.what, list.q) : words.none}
                actions={
                  list.q && (
                    <Button onClick={() => list.filter("")}>{text.shared.clearFilter}</Button>
                  )
                }
              >
                {!list.q && <span>{words.noneHint}</span>}
              </Empty>
            ) : (
              <>
                <Table
                  even
                  label={words.title}
                  head={
                    <>
                      <Th>{text.users.list.user}</Th>
                      <Th>{words.on}</Th>
                      <Th>{text.access.rights}</Th>
                      <MenuTh label={text.users.more} />
                    </>
                  }
                >
                  {page.items.map((grant) => (
                    <Row key={`${grant.user} ${grant.repository ?? ""}`}>
                      <Cell name>
                        <Who name={grant.user} />
                      </Cell>
                      <Cell label={words.on}>
                        {grant.repository ? (
                          <Mono>{grant.repository}</Mono>
                        ) : (
                          <Muted>{words.whole}</Muted>
                        )}
                      </Cell>
                      <Cell label={text.access.rights}>{rightsInWords(grant.rights)}</Cell>
                      <Cell corner="menu">
                        <Menu
                          label={text.users.moreFor(grant.user)}
                          small
                          items={[
                            {
                              icon: Pencil,
                              name: words.change,
                              onChoose: () => setChanging(grant),
                            },
                            "separator",
                            {
                              icon: Trash2,
                              name: words.take,
                              onChoose: () => setTaking(grant),
                              danger: true,
                            },
                          ]}
                        />
                      </Cell>
                    </Row>
                  ))}
                </Table>
                <Pager list={list} page={page} />
              </>
            )}
          </>
        )}
      </Loaded>
      {changing && (
        <GrantDialog
          user={old?.user}
          group={group}
          repository={old && (old.repository ?? null)}
          grants={query.data?.items ?? []}
          onClose={() => setChanging(null)}
        />
      )}
      {taking && <Take grant={taking} onClose={() => setTaking(null)} />}
    </Panel>
  );
}

function Take({ grant, onClose }: { grant: Grant; onClose: () => void }) {
  const { user, group } = grant;
  const repository = grant.repository ?? undefined;
  const place = repository ?? group;
  const take = useMutation({
    mutationFn: () =>
      answer(api.DELETE("/api/grants", { params: { query: { user, group, repository } } })),
    onSuccess: () => {
      onClose();
      say(text.users.grant.taken(user, place));
      return renew("/api/grants", "/api/users");
    },
  });
  return (
    <Confirm
      open
      onClose={onClose}
      title={words.takeTitle(user, place)}
      confirm={words.takeConfirm}
      onConfirm={() => take.mutate()}
      busy={take.isPending}
      problem={take.error}
    >
      <p>{words.takeEffect}</p>
    </Confirm>
  );
}
