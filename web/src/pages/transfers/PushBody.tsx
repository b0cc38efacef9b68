import { memo } from "react";
import type { Transfer } from "../../api/live";
import { useGet } from "../../api/query";
import { Digest } from "../../parts/Copy";
import { Progress } from "../../parts/Meter";
import { Cell, Row, Table, Th } from "../../parts/Table";
import { Mono, Small } from "../../parts/Text";
import { text } from "../../text";
import { bytes, percent, rate, shortDigest } from "../../text/format";
import s from "./PushBody.module.css";
import { titleOf } from "./PushName";
import { blobsOf, manifestsOf, type Push, stateOf, worthARow } from "./pushes";
import { StateWord, toneOf } from "./States";
import { Troubles } from "./Troubles";

const words = text.transfers;
/** Maximum number of the repository's transfers to search. */
const SEARCHED_MAX = 100;

/** All transfers of a push, including earlier finished ones. */
function useAll(push: Push): Transfer[] {
  const query = { repo: push.repo ?? "", limit: SEARCHED_MAX };
  const enabled = push.repo !== null && blobsOf(push.jobs).length < push.blobsTotal;
  const { data } = useGet("/api/jobs", { params: { query } }, { enabled });
  const here = new Set(push.jobs.map((job) => job.id));
  const others = enabled && data ? data.items : [];
  return [...push.jobs, ...others.filter((job) => job.push_id === push.id && !here.has(job.id))];
}

/** Errors and transfers of a push. */
export function PushBody({ push, rows }: { push: Push; rows: number }) {
  const all = useAll(push);
  const jobs = worthARow(all);
  const manifests = manifestsOf(all);
  const shown = jobs.slice(0, rows);
  const stored = all.filter((job) => job.kind === "store_blob" && job.state === "done").length;
  const before = Math.max(0, push.blobsDone - stored);
  return (
    <>
      <Troubles of={push} />
      {shown.length > 0 && (
        <div className={s.jobs}>
          <Table
            even
            compact
            label={words.jobs(titleOf(push))}
            head={
              <>
                <Th>{words.what}</Th>
                <Th>{words.kind}</Th>
                <Th num>{words.size}</Th>
                <Th middle>{words.sent}</Th>
                <Th num middle>
                  {words.rate}
                </Th>
                <Th>{words.status}</Th>
              </>
            }
          >
            {shown.map((job) => (
              <JobRow
                key={job.id}
                job={job}
                kind={manifests.has(job.digest) ? "publish_manifest" : job.kind}
              />
            ))}
          </Table>
        </div>
      )}
      {jobs.length > shown.length && <Small>{words.andMore(jobs.length - shown.length)}</Small>}
      {before > 0 && !push.removes && <Small>{words.elsewhere(before)}</Small>}
    </>
  );
}

const JobRow = memo(function JobRow({ job, ...is }: { job: Transfer; kind: string }) {
  const state = stateOf(job);
  const part = job.bytes_total > 0 ? job.bytes_done / job.bytes_total : 0;
  const moves = state === "uploading" || state === "retrying" || state === "failed";
  const kind = words.kinds[is.kind] ?? is.kind;
  return (
    <Row>
      <Cell name>
        {job.digest && job.kind !== "publish_tag" ? (
          <Digest of={job.digest} />
        ) : (
          <Mono title={job.digest ?? undefined}>{job.tag ?? job.repo}</Mono>
        )}
      </Cell>
      <Cell label={words.kind} muted>
        {job.removes ? `${words.removal}: ${kind}` : kind}
      </Cell>
      <Cell label={job.bytes_total > 0 ? words.size : undefined} num>
        {job.bytes_total > 0 && bytes(job.bytes_total)}
      </Cell>
      <Cell middle noCard>
        <div className={s.bar}>
          {moves && job.bytes_total > 0 && (
            <Progress
              value={part}
              label={words.sentOf(job.digest ? shortDigest(job.digest) : kind, percent(part, 1))}
              tone={toneOf(state)}
            />
          )}
        </div>
      </Cell>
      <Cell label={job.rate_bps && state === "uploading" ? words.rate : undefined} num middle muted>
        {state === "uploading" && job.rate_bps ? rate(job.rate_bps) : null}
      </Cell>
      <Cell state>
        <StateWord
          of={state}
          percent={percent(job.bytes_done, job.bytes_total)}
          nextRetryAt={job.next_retry_at}
          removes={job.removes}
        />
      </Cell>
    </Row>
  );
});
