import { useMutation } from "@tanstack/react-query";
import { KeyRound, Plus, Trash2 } from "lucide-react";
import { useState } from "react";
import { answer, api, type Schemas } from "../../api/client";
import { renew, useGet } from "../../api/query";
import { useMe } from "../../app/session";
import { Button, IconButton } from "../../parts/Button";
import { Confirm } from "../../parts/Dialog";
import { Until } from "../../parts/Expiry";
import { SearchBox } from "../../parts/Field";
import { Loaded } from "../../parts/Loaded";
import { Empty } from "../../parts/Notice";
import { Pager } from "../../parts/Pager";
import { Panel, Toolbar } from "../../parts/Panel";
import { Scopes } from "../../parts/Rights";
import { SecretOnce } from "../../parts/Secret";
import { Cell, MenuTh, Row, SortTh, Table, Th } from "../../parts/Table";
import { Muted, Time } from "../../parts/Text";
import { say } from "../../parts/Toast";
import { type List, useList } from "../../parts/useList";
import { text } from "../../text";
import { NewToken } from "./NewToken";

const words = text.settings.tokens;

type Token = Schemas["Token"];

/** Show the filter only for long lists. */
const FEW = 10;

export function Tokens() {
  const me = useMe();
  const list = useList({ name: "tokens", sort: "created", order: "desc" });
  const query = useGet("/api/tokens", {
    params: { query: { ...list.query, sort: list.sort } },
  });
  const [making, setMaking] = useState(false);
  const [made, setMade] = useState<Schemas["MadeToken"] | null>(null);
  return (
    <Panel
      title={words.title}
      note={words.note}
      end={
        <Button small icon={Plus} onClick={() => setMaking(true)}>
          {words.make}
        </Button>
      }
    >
      {made && (
        <SecretOnce
          title={words.made(made.name)}
          secret={made.secret}
          user={me.user.username}
          onDone={() => setMade(null)}
        />
      )}
      <Loaded query={query} lines={2}>
        {(page) => (
          <>
            {(list.q || page.total > FEW) && (
              <Toolbar>
                <SearchBox label={words.filter} value={list.q} onSearch={list.filter} />
              </Toolbar>
            )}
            {page.items.length > 0 ? (
              <TokenTable
                tokens={page.items}
                list={list}
                onRevoked={(id) => setMade((it) => (it?.id === id ? null : it))}
              />
            ) : (
              <NoTokens list={list} />
            )}
            {page.items.length > 0 && <Pager list={list} page={page} />}
          </>
        )}
      </Loaded>
      {making && (
        <NewToken
          onClose={() => setMaking(false)}
          onMade={(token) => {
            setMaking(false);
            setMade(token);
          }}
        />
      )}
    </Panel>
  );
}

function NoTokens({ list }: { list: List }) {
  if (!list.q) {
    return (
      <Empty icon={KeyRound} title={words.none}>
        <span>{words.noneHint}</span>
      </Empty>
    );
  }
  return (
    <Empty
      icon={KeyRound}
      title={text.shared.noMatch(words.what, list.q)}
      actions={<Button onClick={() => list.filter("")}>{text.shared.clearFilter}</Button>}
    />
  );
}

type TableProps = { tokens: Token[]; list: List; onRevoked: (id: number) => void };

function TokenTable({ tokens, list, onRevoked }: TableProps) {
  const [revoking, setRevoking] = useState<Token | null>(null);
  return (
    <>
      <Table
        even
        label={words.title}
        head={
          <>
            <SortTh order={list.orderOf("name")} onSort={() => list.sortBy("name")}>
              {words.name}
            </SortTh>
            <Th>{words.may}</Th>
            <SortTh
              order={list.orderOf("last_used")}
              onSort={() => list.sortBy("last_used", "desc")}
            >
              {words.lastUsed}
            </SortTh>
            <Th>{words.expires}</Th>
            <MenuTh label={words.actions} />
          </>
        }
      >
        {tokens.map((token) => (
          <Row key={token.id}>
            <Cell name>
              <b title={token.name}>{token.name}</b>
            </Cell>
            <Cell label={words.may} wide>
              {token.scopes ? <Scopes of={token.scopes} /> : <Muted>{text.access.all}</Muted>}
            </Cell>
            <Cell label={words.lastUsed} muted>
              <Time at={token.last_used_at} />{" "}
              {token.last_used_from && words.from(token.last_used_from)}
            </Cell>
            <Cell label={words.expires}>
              <Until at={token.expires_at} ended={token.ended} />
            </Cell>
            <Cell corner="menu">
              <IconButton
                kind="plain"
                small
                icon={Trash2}
                label={words.revokeIt(token.name)}
                onClick={() => setRevoking(token)}
              />
            </Cell>
          </Row>
        ))}
      </Table>
      {revoking && (
        <Revoke token={revoking} onClose={() => setRevoking(null)} onRevoked={onRevoked} />
      )}
    </>
  );
}

type RevokeProps = { token: Token; onClose: () => void; onRevoked: (id: number) => void };

function Revoke({ token, onClose, onRevoked }: RevokeProps) {
  const { id, name } = token;
  const revoke = useMutation({
    mutationFn: () => answer(api.DELETE("/api/tokens/{id}", { params: { path: { id } } })),
    onSuccess: () => {
      onClose();
      onRevoked(id);
      say(words.revoked(name));
      return renew("/api/tokens");
    },
  });
  return (
    <Confirm
      open
      onClose={onClose}
      title={words.revokeTitle(name)}
      confirm={words.revoke}
      onConfirm={() => revoke.mutate()}
      busy={revoke.isPending}
      problem={revoke.error}
    >
      <p>{words.revokeEffect}</p>
    </Confirm>
  );
}
