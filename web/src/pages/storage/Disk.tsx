import { Loaded } from "../../parts/Loaded";
import { Legend, LegendItem, Meter } from "../../parts/Meter";
import { Notice } from "../../parts/Notice";
import { Panel, PanelBody } from "../../parts/Panel";
import { Figure, Small } from "../../parts/Text";
import { text } from "../../text";
import { bytes, percent } from "../../text/format";
import type { StorageQuery } from "./Capacity";

const words = text.storage;

/** The local disk that holds pushes until they are on SFTP. */
export const Disk = ({ storage }: { storage: StorageQuery }) => (
  <Panel title={words.disk}>
    <PanelBody tight>
      <Loaded query={storage}>
        {({ staging }) => {
          const { total, free, pending, cache, floor } = staging;
          const known = total != null && free != null;
          const other = known ? Math.max(0, total - free - pending - cache) : 0;
          return (
            <>
              {known ? (
                <>
                  <Figure beside={words.diskFree(total)}>{bytes(free)}</Figure>
                  {free < floor && (
                    <Notice tone="bad" title={words.diskFull}>
                      {words.diskFullHint(floor)}
                    </Notice>
                  )}
                  <Meter
                    label={words.diskMeter(percent(pending, total), percent(cache, total))}
                    total={total}
                    shares={[
                      { part: pending },
                      { part: cache, look: "c" },
                      { part: other, look: "d" },
                    ]}
                  />
                </>
              ) : (
                <Notice title={words.diskUnknown} />
              )}
              <Legend>
                <LegendItem look="a" value={bytes(pending)}>
                  {words.pending}
                </LegendItem>
                <LegendItem look="c" value={bytes(cache)}>
                  {words.cache}
                </LegendItem>
                {known && (
                  <>
                    <LegendItem look="d" value={bytes(other)}>
                      {words.otherFiles}
                    </LegendItem>
                    <LegendItem look="free" value={bytes(free)}>
                      {words.free}
                    </LegendItem>
                  </>
                )}
              </Legend>
              <Small>{words.floor(floor, staging.cache_max)}</Small>
            </>
          );
        }}
      </Loaded>
    </PanelBody>
  </Panel>
);
