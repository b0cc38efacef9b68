import { Link } from "wouter";
import { useGet } from "../../api/query";
import { to } from "../../app/paths";
import { Loaded } from "../../parts/Loaded";
import { Legend, LegendItem, Meter } from "../../parts/Meter";
import { Panel, PanelBody } from "../../parts/Panel";
import { Figure, Muted, Small } from "../../parts/Text";
import { text } from "../../text";
import { bytes, percent } from "../../text/format";

const words = text.overview;

/** Storage usage and forecast. */
export function Fullness() {
  const query = useGet("/api/storage");
  const history = useGet("/api/storage/history", { params: { query: { days: 90 } } });
  const forecast = history.data?.forecast;
  return (
    <Panel title={words.storage} end={<Link href={to.storage}>{words.details}</Link>}>
      <Loaded query={query}>
        {({ capacity: { total, used, free, reason }, stored }) => (
          <PanelBody tight>
            {total != null && used != null && free != null ? (
              <>
                <div>
                  <Figure beside={words.of(total)}>{bytes(used)}</Figure>
                  {forecast && <Muted>{words.forecast(forecast.days_left, forecast.words)}</Muted>}
                </div>
                <Meter
                  label={words.usedLabel(percent(used, total))}
                  total={total}
                  shares={[
                    { part: Math.min(stored.unique, used) },
                    { part: Math.max(0, used - stored.unique), look: "d" },
                  ]}
                />
                <Legend>
                  <LegendItem look="a" value={bytes(stored.unique)}>
                    {words.ours}
                  </LegendItem>
                  <LegendItem look="d" value={bytes(Math.max(0, used - stored.unique))}>
                    {words.others}
                  </LegendItem>
                  <LegendItem look="free" value={bytes(free)}>
                    {words.free}
                  </LegendItem>
                </Legend>
              </>
            ) : (
              <div>
                <Figure beside={words.stored}>{bytes(stored.unique)}</Figure>
                <Muted>{reason}</Muted>
              </div>
            )}
            {/* Garbage still counts as stored and is not a saving. */}
            {stored.logical > stored.unique && (
              <Small>{words.sharingSaves(stored.logical - stored.unique, stored.logical)}</Small>
            )}
          </PanelBody>
        )}
      </Loaded>
    </Panel>
  );
}
