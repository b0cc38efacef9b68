import { useState } from "react";
import type { Schemas } from "../../api/client";
import { Button } from "../../parts/Button";
import { Digest } from "../../parts/Copy";
import { PanelBody } from "../../parts/Panel";
import { Cell, Row, Table, Th } from "../../parts/Table";
import { RepositoryName, Small } from "../../parts/Text";
import { text } from "../../text";
import { bytes, count } from "../../text/format";
import s from "./GarbageReport.module.css";

const words = text.storage;

/** Initial and maximum rows per list, and digests per row. */
const ROWS = 8;
const ROWS_MAX = 48;
const NAMED_MAX = 2;

/** The result of a collection: affected repositories and freed blobs. */
export function GarbageReport({ of }: { of: Schemas["CollectionReport"] }) {
  const [most, setMost] = useState(ROWS);
  const repositories = Object.entries(of.repositories).sort(([a], [b]) => a.localeCompare(b));
  const hiddenOf = (list: unknown[]) => Math.max(0, list.length - most);
  const freed = [...of.freed].sort((a, b) => b.bytes - a.bytes);
  const hidden = hiddenOf(repositories) + hiddenOf(freed);
  return (
    <>
      <PanelBody tight>
        <b>{words.found(of.manifests, of.blobs)}</b>
        {of.truncated && <Small>{words.truncated}</Small>}
      </PanelBody>
      {repositories.length > 0 && (
        <Table
          compact
          label={words.fromRepositories}
          head={
            <>
              <Th>{words.fromRepositories}</Th>
              <Th>{words.manifests}</Th>
              <Th>{words.blobs}</Th>
            </>
          }
        >
          {repositories.slice(0, most).map(([name, { manifests, blobs }]) => (
            <Row key={name}>
              <Cell name>
                <RepositoryName name={name} />
              </Cell>
              <Cell label={words.manifests}>
                <Named of={manifests} />
              </Cell>
              <Cell label={words.blobs}>
                <Named of={blobs} />
              </Cell>
            </Row>
          ))}
        </Table>
      )}
      {freed.length > 0 && (
        <div className={s.freed}>
          <Table
            compact
            label={words.fromStorage}
            head={
              <>
                <Th>{words.fromStorage}</Th>
                <Th num>{words.frees}</Th>
              </>
            }
          >
            {freed.slice(0, most).map(({ digest, bytes: size }) => (
              <Row key={digest}>
                <Cell name>
                  <Digest of={digest} />
                </Cell>
                <Cell label={words.frees} num>
                  {bytes(size)}
                </Cell>
              </Row>
            ))}
          </Table>
        </div>
      )}
      {hidden > 0 && (
        <PanelBody>
          <div className={s.more}>
            {most === ROWS && (
              <Button small onClick={() => setMost(ROWS_MAX)}>
                {words.showMore}
              </Button>
            )}
            <Small>{words.andMore(hidden)}</Small>
          </div>
        </PanelBody>
      )}
    </>
  );
}

/** The first digests and the total number. */
function Named({ of }: { of: string[] }) {
  if (of.length === 0) return null;
  return (
    <span className={s.named}>
      <span>{count(of.length)}</span>
      {of.slice(0, NAMED_MAX).map((digest) => (
        <Digest key={digest} of={digest} />
      ))}
    </span>
  );
}
