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

const words = text.overview;

export function Recent({ pushes }: { pushes: Schemas["Recent"][] }) {
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
          {pushes.map(({ repo, tag, size, pushed_by, pushed_at, durability }) => (
            <Row key={`${repo}:${tag}`}>
              <Cell name>
                <Link href={to.tag(repo, tag)}>
                  <ImageName repo={repo} tag={tag} />
                </Link>
              </Cell>
              <Cell num label={words.size}>
                <Bytes of={size} />
              </Cell>
              <Cell label={words.pushed}>
                <Time at={pushed_at} /> {pushed_by && <Muted>{words.by(pushed_by)}</Muted>}
              </Cell>
              <Cell state>
                <Durability of={durability} />
              </Cell>
            </Row>
          ))}
        </Table>
      )}
    </Panel>
  );
}
