import { useMutation } from "@tanstack/react-query";
import { Copy, RotateCw } from "lucide-react";
import { answer, api } from "../../api/client";
import type { Transfer } from "../../api/live";
import { asProblem } from "../../api/problem";
import { renew } from "../../api/query";
import { may, useMe } from "../../app/session";
import { Button } from "../../parts/Button";
import { copy } from "../../parts/copy";
import { Failure } from "../../parts/Loaded";
import { Notice } from "../../parts/Notice";
import { Small } from "../../parts/Text";
import { say, warn } from "../../parts/Toast";
import { text } from "../../text";
import { sentence, timeOfDay } from "../../text/format";
import { titleOf } from "./PushName";
import { type Push, type Trouble, troublesOf } from "./pushes";

const words = text.transfers;

/** Maximum number of distinct errors to show. */
const TROUBLES_MAX = 3;

/** Errors of a push, with remedies. */
export const Troubles = ({ of }: { of: Push }) =>
  troublesOf(of)
    .slice(0, TROUBLES_MAX)
    .map((trouble) => <TroubleNotice key={trouble.jobs[0]?.id} of={trouble} push={of} />);

/** Retries transfers; retrying one twice is harmless. */
async function retry(jobs: Transfer[]) {
  for (const { id } of jobs) {
    try {
      await answer(api.POST("/api/jobs/{id}/retry", { params: { path: { id } } }));
    } catch (error) {
      if (asProblem(error).status !== 409) throw error;
    }
  }
}

function TroubleNotice({ of: { error, jobs, failed }, push }: { of: Trouble; push: Push }) {
  const me = useMe();
  const again = useMutation({
    mutationFn: () => retry(jobs),
    onSuccess: () => {
      say(words.retried(titleOf(push)));
      return renew("/api/jobs", "/api/jobs/summary");
    },
  });
  const mayRetry = push.repo ? may(me, "push", push.repo) : me.admin;
  const attempts = Math.max(...jobs.map((job) => job.attempt));
  const next = jobs.flatMap((job) => job.next_retry_at ?? []).sort()[0];
  const later = next && new Date(next).getTime() > Date.now();
  const when = later ? words.at(timeOfDay(new Date(next))) : words.soon;
  const means = [
    jobs.length > 1 && words.alsoOf(jobs.length),
    failed && !push.removes && words.failedMeans,
    !failed && words.nothingToDo,
  ].filter(Boolean);
  const copyError = async () => {
    const all = [
      titleOf(push),
      error.code,
      error.message,
      error.hint,
      ...jobs.map((job) => job.digest),
    ];
    if (await copy(all.filter(Boolean).join("\n"))) say(text.shared.copied);
    else warn(words.copyFailed);
  };
  return (
    <>
      <Notice
        tone={failed ? "bad" : "warn"}
        icon={failed ? undefined : RotateCw}
        title={sentence(error.message)}
        actions={
          <>
            {mayRetry && (
              <Button small icon={RotateCw} busy={again.isPending} onClick={() => again.mutate()}>
                {words.retryNow}
              </Button>
            )}
            <Button small kind="plain" icon={Copy} onClick={copyError}>
              {words.copyError}
            </Button>
          </>
        }
      >
        {means.length > 0 && <p>{means.join(" ")}</p>}
        {error.hint && (
          <p>
            <b>{words.whatToDo}</b> {sentence(error.hint)}
          </p>
        )}
        <Small>
          {error.code}. {words.again(attempts, when)} {!mayRetry && words.whoRetries}
        </Small>
      </Notice>
      <Failure problem={again.error} />
    </>
  );
}
