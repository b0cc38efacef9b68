import { Link } from "wouter";
import type { Schemas } from "../../api/client";
import { to } from "../../app/paths";
import { Chip, Status } from "../../parts/Status";
import { Cell, Row } from "../../parts/Table";
import { Mono, Muted, Small, Time } from "../../parts/Text";
import { text } from "../../text";

const words = text.audit;

/** A short digest is unambiguous enough. */
const brief = (words: string) => words.replace(/(\bsha\d+:\w{12})\w+$/, "$1…");

export function Entry({ entry }: { entry: Schemas["AuditEntry"] }) {
  const { at, actor, credential, action, target, repo, address, refused, count, detail } = entry;
  return (
    <Row>
      <Cell muted label={words.when}>
        <Time at={at} />
      </Cell>
      <Cell label={words.actor}>
        {actor} <Muted>{words.credentials[credential] ?? credential}</Muted>
      </Cell>
      <Cell label={words.what}>
        {words.actions[action] ?? action} {count > 1 && <Chip>{words.times(count)}</Chip>}
      </Cell>
      <Cell name>
        {repo ? (
          <Link href={to.repository(repo)}>
            <Mono title={target}>{brief(target || repo)}</Mono>
          </Link>
        ) : (
          <Mono title={target}>{target}</Mono>
        )}
        {detail && !target.includes(detail) && <Small title={detail}>{brief(detail)}</Small>}
      </Cell>
      <Cell muted middle label={words.from}>
        {address}
      </Cell>
      <Cell state>
        {refused ? (
          <Status tone="bad">{words.refused}</Status>
        ) : (
          <Status tone="ok">{words.allowed}</Status>
        )}
      </Cell>
    </Row>
  );
}
