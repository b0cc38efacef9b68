import { Package } from "lucide-react";
import { Link } from "wouter";
import type { Schemas } from "../../api/client";
import { to } from "../../app/paths";
import { Digest } from "../../parts/Copy";
import { Empty } from "../../parts/Notice";
import { Panel } from "../../parts/Panel";
import { Cell, Row, Table, Th } from "../../parts/Table";
import { Bytes, ImageName, Time } from "../../parts/Text";
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
              <Th middle>{words.digest}</Th>
              <Th num>{words.size}</Th>
              <Th>{words.by}</Th>
              <Th>{words.pushed}</Th>
            </>
          }
        >
          {pushes.map(({ repo, tag, digest, size, pushed_by, pushed_at }) => (
            <Row key={`${repo}:${tag}`}>
              <Cell name>
                <Link href={to.tag(repo, tag)}>
                  <ImageName repo={repo} tag={tag} />
                </Link>
              </Cell>
              <Cell middle noCard>
                <Digest of={digest} />
              </Cell>
              <Cell num label={words.size}>
                <Bytes of={size} />
              </Cell>
              <Cell muted label={words.by}>
                {pushed_by}
              </Cell>
              <Cell muted label={words.pushed}>
                <Time at={pushed_at} />
              </Cell>
            </Row>
          ))}
        </Table>
      )}
    </Panel>
  );
}
