import { Package } from "lucide-react";
import { Link } from "wouter";
import type { Schemas } from "../../api/client";
import { to } from "../../app/paths";
import { Empty } from "../../parts/Notice";
import { Panel } from "../../parts/Panel";
import { Durability } from "../../parts/Status";
import { Cell, Row, Table, Th } from "../../parts/Table";
import { Bytes, ImageName, Muted, Time } from "../../parts/Text";
import { text } from "../../text";
import type { Push } from "../transfers/pushes";
import { StateWord } from "../transfers/States";

const words = text.overview;

type RecentProps = {
  pushes: Schemas["Recent"][];
  /** Live state. */
  underway: Push[];
};

export function Recent({ pushes, underway }: RecentProps) {
  // Events update running transfers more often than this list.
  const moving = new Map(
    underway
      .filter(({ state, removes }) => state !== "done" && !removes)
      .map((push) => [push.name, push]),
  );
  return (
    <Panel title={words.recent}>
      {pushes.length === 0 ? (
        <Empty icon={Package} title={words.none} />
      ) : (
        <Table
          label={words.recent}
          head={
            <>
              <Th>{words.image}</Th>
              <Th num>{words.size}</Th>
              <Th>{words.pushed}</Th>
              <Th>{text.shared.durability.title}</Th>
            </>
          }
        >
          {pushes.map((push) => (
            <Row key={`${push.repo}:${push.tag}`}>
              <Cell name>
                <Link href={to.tag(push.repo, push.tag)}>
                  <ImageName repo={push.repo} tag={push.tag} />
                </Link>
              </Cell>
              <Cell num label={words.size}>
                <Bytes of={push.size} />
              </Cell>
              <Cell label={words.pushed}>
                <Time at={push.pushed_at} />{" "}
                {push.pushed_by && <Muted>{text.shared.by(push.pushed_by)}</Muted>}
              </Cell>
              <Cell state>
                <Now of={push} moving={moving.get(`${push.repo}:${push.tag}`)} />
              </Cell>
            </Row>
          ))}
        </Table>
      )}
    </Panel>
  );
}

const Now = ({ of, moving }: { of: Schemas["Recent"]; moving: Push | undefined }) =>
  moving && (moving.state !== "waiting" || of.durability.state === "uploading") ? (
    <StateWord
      of={moving.state}
      percent={Math.floor(moving.progress * 100)}
      nextRetryAt={moving.nextRetryAt}
      removes={false}
    />
  ) : (
    <Durability of={of.durability} />
  );
