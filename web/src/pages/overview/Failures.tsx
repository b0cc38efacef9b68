import { Link } from "wouter";
import { useGet } from "../../api/query";
import { to } from "../../app/paths";
import { Notice } from "../../parts/Notice";
import { text } from "../../text";
import { sentence } from "../../text/format";
import { titleOf } from "../transfers/PushName";
import { pushesOf } from "../transfers/pushes";

const words = text.overview;

/** Failures that need action: the push if there is one, and the common cause. */
export function Failures({ count }: { count: number }) {
  const query = useGet("/api/jobs", { params: { query: { state: "failed", limit: 100 } } });
  const jobs = query.data?.items ?? [];
  const [push, ...others] = pushesOf(jobs);
  const [why, ...otherwise] = new Set(jobs.map(({ error }) => error?.message));
  const one = push && others.length === 0 ? push : undefined;
  return (
    <Notice
      tone="bad"
      title={one ? words.failedOne(titleOf(one)) : words.failed(count)}
      actions={<Link href={`${to.transfers}?state=failed`}>{words.showWhatToDo}</Link>}
    >
      {otherwise.length === 0 && why && sentence(why)}{" "}
      {!jobs.every(({ removes }) => removes) && words.failedHint}
    </Notice>
  );
}
