import { Folder } from "lucide-react";
import { useState } from "react";
import { Link } from "wouter";
import { useGet } from "../../api/query";
import { to } from "../../app/paths";
import { Command } from "../../parts/Copy";
import { Segments } from "../../parts/Field";
import { Loaded } from "../../parts/Loaded";
import { Amount } from "../../parts/Meter";
import { Empty } from "../../parts/Notice";
import { Panel } from "../../parts/Panel";
import { Cell, Row, Table, Th } from "../../parts/Table";
import { RepositoryName } from "../../parts/Text";
import { text } from "../../text";
import { bytes } from "../../text/format";

const words = text.storage;
type By = "unique" | "logical";

/** The largest repositories. */
export function Largest() {
  const [by, setBy] = useState<By>("unique");
  const query = useGet("/api/storage/top", { params: { query: { by } } });
  const host = useGet("/api/config").data?.registry_host;
  const options: [By, string][] = [
    ["unique", words.byUnique],
    ["logical", words.byLogical],
  ];
  return (
    <Panel
      title={words.largest}
      note={by === "unique" ? words.byUniqueHint : words.byLogicalHint}
      end={<Segments label={words.by} value={by} options={options} onChoose={setBy} />}
    >
      <Loaded query={query}>
        {({ items }) => {
          const sizeOf = (row: (typeof items)[number]) =>
            by === "unique" ? row.unique_bytes : row.logical_bytes;
          const most = Math.max(0, ...items.map(sizeOf));
          if (items.length === 0) {
            return (
              <Empty icon={Folder} title={words.noRepositories}>
                <span>{words.noRepositoriesHint}</span>
                {host && (
                  <div>
                    <Command>{`docker push ${host}/team/app:1.0`}</Command>
                  </div>
                )}
              </Empty>
            );
          }
          return (
            <Table
              label={words.largest}
              head={
                <>
                  <Th>{words.repository}</Th>
                  <Th>{by === "unique" ? words.byUnique : words.byLogical}</Th>
                  <Th num>{words.shared}</Th>
                </>
              }
            >
              {items.map((row) => (
                <Row key={row.repo}>
                  <Cell name>
                    <Link href={to.repository(row.repo)}>
                      <RepositoryName name={row.repo} />
                    </Link>
                  </Cell>
                  <Cell label={by === "unique" ? words.byUnique : words.byLogical}>
                    <Amount of={sizeOf(row)} most={most} label={row.repo} />
                  </Cell>
                  <Cell label={words.shared} num muted>
                    {bytes(Math.max(0, row.logical_bytes - row.unique_bytes))}
                  </Cell>
                </Row>
              ))}
            </Table>
          );
        }}
      </Loaded>
    </Panel>
  );
}
