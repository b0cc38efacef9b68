import { Terminal } from "lucide-react";
import { useState } from "react";
import type { Got } from "../../api/client";
import { useGet } from "../../api/query";
import { Button } from "../../parts/Button";
import { LiveDot } from "../../parts/LiveDot";
import { Loaded } from "../../parts/Loaded";
import { Columns, Page, Stack } from "../../parts/Page";
import { Fact, Facts } from "../../parts/Panel";
import { Spark } from "../../parts/Spark";
import { Status, type Tone } from "../../parts/Status";
import { Time } from "../../parts/Text";
import { useList } from "../../parts/useList";
import { text } from "../../text";
import { bytes, count, rate } from "../../text/format";
import { useRates } from "../transfers/useRates";
import { useSummary } from "../transfers/useSummary";
import { useTransfers } from "../transfers/useTransfers";
import { Failures } from "./Failures";
import { Fullness } from "./Fullness";
import { LargestGroups } from "./LargestGroups";
import { Recent } from "./Recent";
import { Start } from "./Start";
import { Underway } from "./Underway";

const words = text.overview;

export default function Overview() {
  const query = useGet("/api/overview", undefined, {
    refetchInterval: 30_000,
  });
  const [help, setHelp] = useState(false);
  const empty = query.data?.tags === 0;
  if (query.data && (empty || help)) {
    return <Start overview={query.data} onBack={empty ? undefined : () => setHelp(false)} />;
  }
  const actions = (
    <>
      <LiveDot />
      <Button icon={Terminal} onClick={() => setHelp(true)}>
        {words.howToPush}
      </Button>
    </>
  );
  return (
    <Page title={words.title} actions={actions}>
      <Loaded query={query} lines={8}>
        {(overview) => (
          <>
            {overview.jobs.failed > 0 && <Failures count={overview.jobs.failed} />}
            <AtAGlance of={overview} />
            <Columns>
              <Pushes recent={overview.recent} />
              <Stack>
                <Fullness />
                <LargestGroups of={overview.largest_groups} />
              </Stack>
            </Columns>
          </>
        )}
      </Loaded>
    </Page>
  );
}

/** Running and recent pushes, without duplicates. */
function Pushes({ recent }: { recent: Got<"/api/overview">["recent"] }) {
  const transfers = useTransfers(useList());
  return (
    <Stack>
      <Underway {...transfers} />
      <Recent pushes={recent} underway={transfers.pushes} />
    </Stack>
  );
}

const TONES: Record<string, Tone> = { up: "ok", down: "warn", needs_person: "bad" };

function AtAGlance({ of: overview }: { of: Got<"/api/overview"> }) {
  const { jobs, sftp, staged_bytes: staged } = overview;
  const { data: summary, dataUpdatedAt } = useSummary();
  const rates = useRates(summary, dataUpdatedAt);
  const eta = summary?.eta_s;
  const toGo = jobs.queued + jobs.running + jobs.failed;
  const stored = eta ? words.storedIn(eta) : words.stillToGo(toGo);
  return (
    <Facts>
      <Fact term={words.images} below={words.where(overview.repos, overview.groups)}>
        {count(overview.tags)} <small>{words.tagsWord(overview.tags)}</small>
      </Fact>
      <Fact term={words.onlyHere} below={toGo > 0 ? stored : words.allStored}>
        {bytes(staged)}
      </Fact>
      <Fact term={words.speed} below={words.states(jobs.running, jobs.queued, jobs.failed)}>
        {summary?.rate_bps ? rate(summary.rate_bps) : words.idle} <Spark values={rates} />
      </Fact>
      <Fact
        term={words.server}
        below={
          <span>
            {words.since} <Time at={sftp.since} />
          </span>
        }
      >
        <Status tone={TONES[sftp.state] ?? "quiet"} title={sftp.message ?? undefined}>
          {words.serverStates[sftp.state] ?? sftp.state}
        </Status>
      </Fact>
    </Facts>
  );
}
