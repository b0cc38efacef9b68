import { useMemo, useRef } from "react";
import { Link } from "wouter";
import { useLive } from "../../api/live";
import { to } from "../../app/paths";
import { Progress } from "../../parts/Meter";
import { Panel, PanelBody } from "../../parts/Panel";
import { Muted, Small, Time } from "../../parts/Text";
import { text } from "../../text";
import { bytesOf, duration, percent, rate } from "../../text/format";
import { PushName, titleOf } from "../transfers/PushName";
import { byUrgency, type Push, pushesOf } from "../transfers/pushes";
import { StateWord, toneOf } from "../transfers/States";
import s from "./Underway.module.css";

const words = text.overview;
const MOST = 5;

/** What is on its way to SFTP, as it moves. */
export function Underway() {
  const { jobs } = useLive();
  const before = useRef<Push[]>([]);
  const pushes = useMemo(() => {
    const open = [...jobs.values()].filter((job) => job.state !== "done");
    before.current = pushesOf(open, before.current);
    return before.current.filter((push) => !push.removes).sort(byUrgency);
  }, [jobs]);
  return (
    <Panel
      title={words.transfers}
      note={pushes.length > 0 && words.underWay(pushes.length)}
      end={<Link href={to.transfers}>{words.showAll}</Link>}
    >
      {pushes.length === 0 ? (
        <PanelBody>
          <Muted>{words.nothingUnderWay}</Muted>
        </PanelBody>
      ) : (
        <ul className={s.pushes}>
          {pushes.slice(0, MOST).map((push) => (
            <PushLine key={push.key} push={push} />
          ))}
        </ul>
      )}
    </Panel>
  );
}

function PushLine({ push }: { push: Push }) {
  const { progress, bytes, bytesLeft, state } = push;
  return (
    <li>
      <div className={s.name}>
        <PushName of={push} />
        <Small>
          <Time at={push.createdAt} />
        </Small>
      </div>
      <StateWord
        of={state}
        percent={Math.floor(progress * 100)}
        nextRetryAt={push.nextRetryAt}
        removes={false}
      />
      <div className={s.bar}>
        <Progress
          value={progress}
          label={text.transfers.sentOf(titleOf(push), percent(progress, 1))}
          tone={toneOf(state)}
        />
      </div>
      <div className={s.size}>
        {bytes && bytesOf(bytes.done, bytes.total)}
        {push.rate > 0 && (
          <Small>
            {rate(push.rate)}, {duration(bytesLeft / push.rate)}
          </Small>
        )}
      </div>
    </li>
  );
}
