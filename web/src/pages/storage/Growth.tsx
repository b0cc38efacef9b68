import { ChartArea } from "lucide-react";
import { useMemo, useState } from "react";
import type { Got } from "../../api/client";
import { useGet } from "../../api/query";
import { Button } from "../../parts/Button";
import { Segments } from "../../parts/Field";
import { Loaded } from "../../parts/Loaded";
import { Empty } from "../../parts/Notice";
import { PanelBody } from "../../parts/Panel";
import { Cell, Row, Table, Th } from "../../parts/Table";
import { text } from "../../text";
import { bytes, shortDate } from "../../text/format";
import { AreaChart } from "./AreaChart";
import { chartOf, series } from "./chart";
import s from "./Growth.module.css";

const words = text.storage;
type History = Got<"/api/storage/history">;
type Range = keyof typeof words.ranges;

/** Number of latest days in the table. */
const ROWS_MAX = 100;

/** Growth of the used space, with forecast. */
export function Growth() {
  const [range, setRange] = useState<Range>("90");
  const [table, setTable] = useState(false);
  const query = useGet("/api/storage/history", { params: { query: { days: Number(range) } } });
  return (
    <>
      <div className={s.head}>
        <h2>{words.growth}</h2>
        <Segments
          label={words.range}
          value={range}
          options={Object.entries(words.ranges) as [Range, string][]}
          onChoose={setRange}
        />
        <div className={s.end}>
          <Button kind="link" onClick={() => setTable(!table)}>
            {table ? words.asChart : words.asTable}
          </Button>
        </div>
      </div>
      <Loaded query={query}>
        {(history) => (table ? <Days of={history} /> : <Drawn of={history} />)}
      </Loaded>
    </>
  );
}

function Drawn({ of: history }: { of: History }) {
  const { items, forecast } = history;
  const chart = useMemo(
    () => (items.length < 2 ? null : chartOf(items, forecast)),
    [items, forecast],
  );
  const [first, last] = [chart?.points[0], chart?.points.at(-1)];
  if (!chart || !first || !last) {
    return (
      <Empty icon={ChartArea} title={items.length === 0 ? words.none : words.tooFew}>
        <span>{words.tooFewHint}</span>
      </Empty>
    );
  }
  const perDay = forecast.bytes_per_day;
  const label = words.chart(
    shortDate(first.day),
    shortDate(last.day),
    first.value,
    last.value,
    forecast.words,
  );
  return (
    <PanelBody>
      <AreaChart
        chart={chart}
        label={label}
        note={perDay == null ? words.notEnough : words.perDay(perDay)}
      />
    </PanelBody>
  );
}

/** The chart's data as a table. */
function Days({ of: { items } }: { of: History }) {
  const used = series(items);
  const rows = items.map((day, at) => ({ ...day, used: used[at]?.value ?? 0 }));
  return (
    <Table
      even
      compact
      label={words.growth}
      head={
        <>
          <Th>{words.day}</Th>
          <Th num>{words.used}</Th>
          <Th num>{words.images}</Th>
          <Th num>{words.blobs}</Th>
          <Th num>{words.capacity}</Th>
        </>
      }
    >
      {rows
        .slice(-ROWS_MAX)
        .reverse()
        .map((day) => (
          <Row key={day.day}>
            <Cell name>
              <time dateTime={day.day}>{shortDate(day.day)}</time>
            </Cell>
            <Cell label={words.used} num>
              {bytes(day.used)}
            </Cell>
            <Cell label={words.images} num muted>
              {bytes(day.unique)}
            </Cell>
            <Cell label={words.blobs} num muted>
              {day.blobs.toLocaleString()}
            </Cell>
            <Cell label={words.capacity} num muted>
              {day.capacity_total == null ? text.shared.unknown : bytes(day.capacity_total)}
            </Cell>
          </Row>
        ))}
    </Table>
  );
}
