import { useGet } from "../../api/query";
import { Legend, LegendItem, Meter } from "../../parts/Meter";
import { Notice } from "../../parts/Notice";
import { Panel, PanelBody } from "../../parts/Panel";
import { Figure, Small } from "../../parts/Text";
import { text } from "../../text";
import { bytes, percent } from "../../text/format";

const words = text.storage;

/** Usage reported by Hetzner; renders nothing if disabled. */
export function Hetzner() {
  const { data } = useGet("/api/ftp/usage", undefined, { refetchInterval: 600_000 });
  if (!data || !("total_size" in data)) return null;
  const { total_size: total, used_size: used, snapshots, age_s: age, stale, error } = data;
  const known = total != null && used != null;
  return (
    <Panel title={words.hetzner} note={age != null && words.age(age)}>
      <PanelBody tight>
        {(error || stale || !known) && (
          <Notice tone="warn" title={known ? words.hetznerStale : words.hetznerNone}>
            {error?.message} {error?.hint}
          </Notice>
        )}
        {known && (
          <>
            <Figure beside={words.usedOf(total, percent(used, total))}>{bytes(used)}</Figure>
            <Meter
              label={words.meter(percent(used, total))}
              total={total}
              shares={[
                { part: Math.max(0, used - (snapshots ?? 0)) },
                { part: snapshots ?? 0, look: "d" },
              ]}
            />
            <Legend across>
              <LegendItem look="a" value={bytes(Math.max(0, used - (snapshots ?? 0)))}>
                {words.used}
              </LegendItem>
              <LegendItem look="d" value={bytes(snapshots ?? 0)}>
                {words.snapshots}
              </LegendItem>
              <LegendItem look="free" value={bytes(Math.max(0, total - used))}>
                {words.free}
              </LegendItem>
            </Legend>
            {snapshots ? <Small>{words.snapshotsHint}</Small> : null}
          </>
        )}
      </PanelBody>
    </Panel>
  );
}
