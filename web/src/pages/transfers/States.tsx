import { ShieldCheck } from "lucide-react";
import { Retrying, Status, Underway } from "../../parts/Status";
import { useSecond } from "../../parts/useNow";
import { text } from "../../text";
import type { State } from "./pushes";

const words = text.transfers.state;

type StateWordProps = {
  of: State;
  /** Of 100. */
  percent: number;
  nextRetryAt?: string | null;
  removes: boolean;
};

/** State of a push or transfer. */
export function StateWord({ of, percent, nextRetryAt, removes }: StateWordProps) {
  switch (of) {
    case "failed":
      return <Status tone="bad">{words.failed}</Status>;
    case "uploading":
      return <Underway percent={percent}>{words.uploading(percent)}</Underway>;
    case "retrying":
      return (
        <Retrying>
          <RetryIn at={nextRetryAt} />
        </Retrying>
      );
    case "verifying":
      return (
        <Status tone="live" icon={ShieldCheck} title={words.verifyingHint}>
          {words.verifying}
        </Status>
      );
    case "finishing":
      return (
        <Status tone="live" title={words.finishingHint}>
          {words.finishing}
        </Status>
      );
    case "done":
      return <Status tone="ok">{removes ? words.removed : words.done}</Status>;
    default:
      return <Status tone="quiet">{words.waiting}</Status>;
  }
}

function RetryIn({ at }: { at: string | null | undefined }) {
  const now = useSecond();
  const left = at ? (new Date(at).getTime() - now) / 1_000 : 0;
  return left > 0 ? words.retryingIn(left) : words.retryingNow;
}

/** Style of a progress bar. */
export const toneOf = (state: State) =>
  state === "failed"
    ? "stuck"
    : state === "retrying"
      ? "paused"
      : state === "verifying" || state === "finishing" || state === "done"
        ? "sent"
        : undefined;
