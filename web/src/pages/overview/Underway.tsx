import { Link } from "wouter";
import { to } from "../../app/paths";
import { Loaded } from "../../parts/Loaded";
import { Progress } from "../../parts/Meter";
import { Panel, PanelBody } from "../../parts/Panel";
import { Muted, Small, Time } from "../../parts/Text";
import { text } from "../../text";
import { bytesOf, percent } from "../../text/format";
import { noteOf } from "../transfers/note";
import { PushName, titleOf } from "../transfers/PushName";
import type { Push } from "../transfers/pushes";
import { StateWord, toneOf } from "../transfers/States";
import type { useTransfers } from "../transfers/useTransfers";
import s from "./Underway.module.css";

const words = text.overview;
const MOST = 5;

/** Live transfers to SFTP. */
export function Underway({ query, pushes: all }: ReturnType<typeof useTransfers>) {
  const pushes = all.filter((push) => !push.removes && push.state !== "done");
  return (
    <Panel
      title={words.transfers}
      note={pushes.length > 0 && words.underWay(pushes.length)}
      end={<Link href={to.transfers}>{words.showAll}</Link>}
    >
      <Loaded query={query} lines={2}>
        {() =>
          pushes.length === 0 ? (
            <PanelBody>
              <Muted>{words.nothingUnderWay}</Muted>
            </PanelBody>
          ) : (
            <ul className={s.pushes}>
              {pushes.slice(0, MOST).map((push) => (
                <PushLine key={push.key} push={push} />
              ))}
            </ul>
          )
        }
      </Loaded>
    </Panel>
  );
}

function PushLine({ push }: { push: Push }) {
  const { progress, bytes, state } = push;
  const { speed, note } = noteOf(push);
  return (
    <li>
      <div className={s.name}>
        <Link href={push.repo ? to.transfersOf(push.repo) : to.transfers}>
          <PushName of={push} />
        </Link>
        <Small>
          <Time at={push.createdAt} /> {push.pushedBy && text.shared.by(push.pushedBy)}
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
        <Small>{[speed, note].filter(Boolean).join(", ")}</Small>
      </div>
    </li>
  );
}
