import type { UseQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";
import type { Got } from "../../api/client";
import type { Problem } from "../../api/problem";
import { useGet } from "../../api/query";
import { Loaded } from "../../parts/Loaded";
import { Legend, LegendItem, Meter } from "../../parts/Meter";
import { Notice } from "../../parts/Notice";
import { Panel, PanelBody } from "../../parts/Panel";
import { Figure, Muted, Time } from "../../parts/Text";
import { useNow } from "../../parts/useNow";
import { text } from "../../text";
import { bytes, percent } from "../../text/format";
import s from "./Capacity.module.css";
import { Growth } from "./Growth";
import { isOld, sourceOf } from "./source";

const words = text.storage;

export type StorageQuery = UseQueryResult<Got<"/api/storage">, Problem>;
type StorageUse = Got<"/api/storage">;

/** Storage capacity and usage. */
export const Capacity = ({ storage }: { storage: StorageQuery }) => (
  <Panel label={words.capacity}>
    <Loaded query={storage}>{(room) => <Fullness of={room} />}</Loaded>
    <Growth />
  </Panel>
);

function Fullness({ of: { capacity, stored } }: { of: StorageUse }) {
  const now = useNow();
  const { total, used, free } = capacity;
  const known = total != null && used != null && free != null;
  const source = sourceOf(capacity);
  return (
    <>
      <div className={s.figures}>
        {known ? (
          <Amount term={words.used} beside={words.usedOf(total, percent(used, total))}>
            {bytes(used)}
          </Amount>
        ) : (
          <Amount term={words.stored} beside={words.storedOf(stored.blobs)}>
            {bytes(stored.unique)}
          </Amount>
        )}
        <Forecast />
        <Amount term={words.saved} beside={words.savedOf(stored.logical)}>
          {bytes(Math.max(0, stored.logical - stored.unique))}
        </Amount>
      </div>
      <PanelBody tight>
        {known ? (
          <>
            <Meter
              thick
              label={words.meter(percent(used, total))}
              total={total}
              shares={[
                { part: Math.min(stored.unique, used) },
                { part: Math.max(0, used - stored.unique), look: "d" },
              ]}
            />
            <Legend across>
              <LegendItem look="a" value={bytes(stored.unique)}>
                {words.images}
              </LegendItem>
              <LegendItem look="d" value={bytes(Math.max(0, used - stored.unique))}>
                {words.otherFiles}
              </LegendItem>
              <LegendItem look="free" value={bytes(free)}>
                {words.free}
              </LegendItem>
            </Legend>
            {isOld(capacity, now) && (
              <Notice tone="warn" title={words.stale}>
                {words.told[source]} <Time at={capacity.at} />. {capacity.reason}
              </Notice>
            )}
          </>
        ) : (
          <Notice title={words.notTold}>
            {capacity.reason} {words.notToldHint}
          </Notice>
        )}
      </PanelBody>
    </>
  );
}

type AmountProps = { term: string; beside?: ReactNode; children: ReactNode };

const Amount = ({ term, beside, children }: AmountProps) => (
  <div>
    <Muted>{term}</Muted>
    <Figure beside={beside}>{children}</Figure>
  </div>
);

function Forecast() {
  const history = useGet("/api/storage/history", { params: { query: { days: 90 } } });
  const forecast = history.data?.forecast;
  if (forecast?.days_left != null) {
    return (
      <Amount
        term={words.fullIn}
        beside={forecast.full_on ? words.onDay(forecast.full_on) : undefined}
      >
        {words.about(forecast.days_left)}
      </Amount>
    );
  }
  const perDay = forecast?.bytes_per_day;
  return (
    <Amount
      term={words.forecast}
      beside={perDay == null ? words.notEnoughHint : words.perDay(perDay)}
    >
      <span className={s.words}>{forecast?.words ?? words.notEnough}</span>
    </Amount>
  );
}
