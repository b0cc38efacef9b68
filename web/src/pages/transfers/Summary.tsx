import type { Got } from "../../api/client";
import { Loaded } from "../../parts/Loaded";
import { Fact, Facts } from "../../parts/Panel";
import { Spark } from "../../parts/Spark";
import { Status } from "../../parts/Status";
import { text } from "../../text";
import { bytes, rate } from "../../text/format";
import { useRates } from "./useRates";
import { useSummary } from "./useSummary";

const words = text.transfers;

type SummaryData = Got<"/api/jobs/summary">;

/** Speed and remaining bytes. */
export function Summary() {
  const query = useSummary();
  const rates = useRates(query.data, query.dataUpdatedAt);
  return (
    <Loaded query={query} lines={2}>
      {(now) => {
        const open = now.waiting + now.pending + now.running + now.failed;
        return (
          <Facts>
            <Fact
              term={words.speed}
              below={now.running > 0 ? words.underWay(now.running) : words.idle}
            >
              {rate(now.rate_bps)} <Spark values={rates} />
            </Fact>
            <Fact
              term={words.onlyHere}
              below={open > 0 ? words.onlyHereOf(open) : words.onlyHereNone}
            >
              {bytes(now.bytes_waiting)}
            </Fact>
            <TimeLeft of={now} />
            <Uploader of={now.uploader} />
          </Facts>
        );
      }}
    </Loaded>
  );
}

function TimeLeft({ of: { bytes_waiting, eta_s } }: { of: SummaryData }) {
  if (bytes_waiting === 0) {
    return (
      <Fact term={words.timeLeft} below={words.nothingToSend}>
        {words.nothingLeft}
      </Fact>
    );
  }
  return eta_s == null ? (
    <Fact term={words.timeLeft} below={words.noBytesMove}>
      {words.timeUnknown}
    </Fact>
  ) : (
    <Fact term={words.timeLeft} below={words.atThisSpeed}>
      {words.about(eta_s)}
    </Fact>
  );
}

function Uploader({ of: { runs, heartbeat_age_s: age } }: { of: SummaryData["uploader"] }) {
  if (runs) {
    return (
      <Fact term={words.uploader} below={words.heartbeat(age ?? 0)}>
        <Status tone="ok">{words.uploaderRuns}</Status>
      </Fact>
    );
  }
  return (
    <Fact term={words.uploader} below={age == null ? words.neverSeen : words.startIt(age)}>
      <Status tone="bad">{words.uploaderSilent}</Status>
    </Fact>
  );
}
