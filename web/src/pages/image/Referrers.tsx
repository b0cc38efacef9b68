import { Link2 } from "lucide-react";
import { Link } from "wouter";
import type { Schemas } from "../../api/client";
import { useGet } from "../../api/query";
import { to } from "../../app/paths";
import { Loaded } from "../../parts/Loaded";
import { Empty } from "../../parts/Notice";
import { Pager } from "../../parts/Pager";
import { Panel } from "../../parts/Panel";
import { Chip } from "../../parts/Status";
import { Cell, Row, Table, Th } from "../../parts/Table";
import { Bytes, Mono, Muted, Time } from "../../parts/Text";
import { useList } from "../../parts/useList";
import { text } from "../../text";
import { shortDigest } from "../../text/format";
import { nameOfType } from "./kind";
import { platformsOf } from "./platforms";

const words = text.image;

/** Referrers: signatures, SBOMs and attestations of the image. */
export function Referrers({ image }: { image: Schemas["Image"] }) {
  const { repo, digest, attestations } = image;
  const platforms = platformsOf(image);
  const list = useList();
  const { limit, cursor } = list.query;
  const query = useGet("/api/referrers", { params: { query: { repo, digest, limit, cursor } } });
  return (
    <Panel label={words.referrers}>
      <Loaded query={query} lines={3}>
        {(page) =>
          page.items.length + attestations.length === 0 ? (
            <Empty icon={Link2} title={words.noReferrers}>
              <span>{words.noReferrersHint}</span>
            </Empty>
          ) : (
            <>
              <Table
                label={words.referrers}
                head={
                  <>
                    <Th>{words.kind}</Th>
                    <Th>{words.digest}</Th>
                    <Th num>{words.size}</Th>
                    <Th>{words.when}</Th>
                  </>
                }
              >
                {attestations.map((it) => (
                  <Referrer
                    key={it.digest}
                    repo={repo}
                    name={words.attestation}
                    about={platforms.find((platform) => platform.digest === it.about)?.name}
                    digest={it.digest}
                    size={it.size}
                  />
                ))}
                {page.items.map((it) => (
                  <Referrer
                    key={it.digest}
                    repo={repo}
                    name={nameOfType(it.artifact_type ?? it.media_type)}
                    type={it.artifact_type ?? it.media_type}
                    digest={it.digest}
                    size={it.size}
                    pushed={it.pushed_at}
                  />
                ))}
              </Table>
              {(page.next_cursor || page.prev_cursor) && <Pager list={list} page={page} />}
            </>
          )
        }
      </Loaded>
    </Panel>
  );
}

type ReferrerProps = {
  repo: string;
  name?: string;
  type?: string;
  /** The platform that it refers to, unless it refers to the whole image. */
  about?: string;
  digest: string;
  size: number;
  pushed?: string;
};

function Referrer({ repo, name, type, about, digest, size, pushed }: ReferrerProps) {
  return (
    <Row>
      <Cell name>
        {name} {type && (name ? <Muted>{type}</Muted> : <Mono title={type}>{type}</Mono>)}
        {about && <Chip>{about}</Chip>}
      </Cell>
      <Cell label={words.digest}>
        <Link href={to.digest(repo, digest)}>
          <Mono title={digest}>{shortDigest(digest)}</Mono>
        </Link>
      </Cell>
      <Cell num label={words.size}>
        <Bytes of={size} />
      </Cell>
      <Cell muted label={words.when}>
        {pushed ? <Time at={pushed} /> : <Muted>–</Muted>}
      </Cell>
    </Row>
  );
}
