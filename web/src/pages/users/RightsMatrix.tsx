import { ChevronLeft, ChevronRight, FolderPlus, Plus, Users as UsersIcon } from "lucide-react";
import { useState } from "react";
import { useGet } from "../../api/query";
import { to } from "../../app/paths";
import { Button, IconButton, LinkButton } from "../../parts/Button";
import { SearchBox } from "../../parts/Field";
import { Loaded } from "../../parts/Loaded";
import { Empty } from "../../parts/Notice";
import { Pager } from "../../parts/Pager";
import { Panel, Toolbar } from "../../parts/Panel";
import { rightsInWords } from "../../parts/Rights";
import { Muted, Small } from "../../parts/Text";
import { useList } from "../../parts/useList";
import { Who } from "../../parts/Who";
import { text } from "../../text";
import { GrantDialog } from "./GrantDialog";
import s from "./RightsMatrix.module.css";
import type { Account } from "./UserList";

const words = text.users.rights;

/** Number of groups side by side. */
const COLUMNS = 6;

type Choice = { account?: Account; group?: string };

/** Access matrix of users and groups, both paged. */
export default function RightsMatrix() {
  const list = useList({ name: "rights" });
  const columns = useList({ name: "groups" });
  const users = useGet("/api/users", { params: { query: list.query } });
  const groups = useGet("/api/groups", {
    params: { query: { ...columns.query, limit: COLUMNS } },
  });
  const [choice, setChoice] = useState<Choice | null>(null);
  return (
    <Panel
      title={words.title}
      note={words.note}
      end={
        <Button small icon={Plus} onClick={() => setChoice({})}>
          {words.give}
        </Button>
      }
    >
      <Loaded query={groups} lines={6}>
        {(shown) =>
          shown.total === 0 ? (
            <Empty
              icon={FolderPlus}
              title={words.noGroups}
              actions={<LinkButton href={to.groups}>{words.toGroups}</LinkButton>}
            >
              <span>{words.noGroupsHint}</span>
            </Empty>
          ) : (
            <>
              <Toolbar
                end={
                  (shown.next_cursor || shown.prev_cursor) && (
                    <>
                      {words.groups(shown.items.length, shown.total)}
                      <IconButton
                        small
                        icon={ChevronLeft}
                        label={words.before}
                        disabled={!shown.prev_cursor}
                        onClick={() => columns.turn(shown.prev_cursor)}
                      />
                      <IconButton
                        small
                        icon={ChevronRight}
                        label={words.after}
                        disabled={!shown.next_cursor}
                        onClick={() => columns.turn(shown.next_cursor)}
                      />
                    </>
                  )
                }
              >
                <SearchBox label={words.filter} value={list.q} onSearch={list.filter} />
              </Toolbar>
              <Loaded query={users} lines={6}>
                {(page) =>
                  page.items.length === 0 ? (
                    <Empty
                      icon={UsersIcon}
                      title={text.shared.noMatch(text.users.list.what, list.q)}
                      actions={
                        <Button onClick={() => list.filter("")}>{text.shared.clearFilter}</Button>
                      }
                    />
                  ) : (
                    <>
                      <Matrix
                        accounts={page.items}
                        groups={shown.items.map((group) => group.name)}
                        onChoose={setChoice}
                      />
                      <Pager list={list} page={page} />
                    </>
                  )
                }
              </Loaded>
            </>
          )
        }
      </Loaded>
      {choice && (
        <GrantDialog
          user={choice.account?.name}
          group={choice.group}
          grants={choice.account?.grants ?? []}
          onClose={() => setChoice(null)}
        />
      )}
    </Panel>
  );
}

type MatrixProps = {
  accounts: Account[];
  groups: string[];
  onChoose: (choice: Choice) => void;
};

function Matrix({ accounts, groups, onChoose }: MatrixProps) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, and a keyboard must reach that
    <section className={s.scrolls} tabIndex={0} aria-label={words.table}>
      <table className={s.matrix}>
        <thead>
          <tr>
            <th scope="col">{text.users.list.user}</th>
            {groups.map((group) => (
              <th key={group} scope="col" className={s.group} title={group}>
                {group}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {accounts.map((account) => (
            <tr key={account.id}>
              <th scope="row">
                <Who name={account.name} />
              </th>
              {groups.map((group) => (
                <td key={group}>
                  {account.role === "admin" ? (
                    <Muted>{words.all}</Muted>
                  ) : (
                    <Rights account={account} group={group} onChoose={onChoose} />
                  )}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

type RightsProps = { account: Account; group: string; onChoose: (choice: Choice) => void };

function Rights({ account, group, onChoose }: RightsProps) {
  const here = account.grants.filter((grant) => grant.group === group);
  const onAll = here.find((grant) => !grant.repository);
  const single = here.length - (onAll ? 1 : 0);
  const said = rightsInWords(onAll?.rights ?? []);
  const told = [said || words.none, single > 0 && words.single(single)].filter(Boolean).join(" ");
  return (
    <button
      type="button"
      className={s.rights}
      aria-label={words.cell(account.name, group, told)}
      onClick={() => onChoose({ account, group })}
    >
      {said === text.access.right.pull ? said : said && <b>{said}</b>}
      {!said && <Muted>–</Muted>}
      {single > 0 && <Small>{words.single(single)}</Small>}
    </button>
  );
}
