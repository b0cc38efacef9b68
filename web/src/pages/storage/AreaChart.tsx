import { type CSSProperties, type PointerEvent, type ReactNode, useMemo, useState } from "react";
import { cx } from "../../parts/class";
import { Muted } from "../../parts/Text";
import { text } from "../../text";
import { bytes, shortDate } from "../../text/format";
import s from "./AreaChart.module.css";
import { type Chart, nearest, type Point } from "./chart";

const words = text.storage;
const WIDTH = 1_000;
const HEIGHT = 220;

type Place = { x?: number; y?: number };
/** Position as a fraction of the chart. */
const style = ({ x = 0, y = 0 }: Place) => ({ "--x": x, "--y": y }) as CSSProperties;
const at = ({ x, y }: { x: number; y: number }) =>
  `${(x * WIDTH).toFixed(1)},${(y * HEIGHT).toFixed(1)}`;

/** Keep the note inside the chart and clear of the capacity label. */
const isBelow = (y: number, capacity = 0) => y < 0.35 || (y < 0.65 && y - 0.3 < capacity);

type AreaChartProps = {
  chart: Chart;
  /** Text alternative. */
  label: string;
  /** Additional note for the last day. */
  note?: ReactNode;
};

/** Used space by day with forecast; hovering shows single days. */
export function AreaChart({ chart, label, note }: AreaChartProps) {
  const [pointed, setPointed] = useState<Point | null>(null);
  const { points, ticks, dates, capacity } = chart;
  const last = points.at(-1);
  const marked = pointed ?? last;
  const drawn = useMemo(() => <Drawing of={chart} />, [chart]);
  const point = (event: PointerEvent<HTMLDivElement>) => {
    const box = event.currentTarget.getBoundingClientRect();
    setPointed(nearest(points, (event.clientX - box.left) / box.width) ?? null);
  };
  return (
    <figure className={s.chart} role="img" aria-label={label}>
      <div className={s.area} onPointerMove={point} onPointerLeave={() => setPointed(null)}>
        {drawn}
        {ticks.map(({ value, y }) => (
          <span key={value} className={s.tick} style={style({ y })}>
            {bytes(value)}
          </span>
        ))}
        {capacity && (
          <span className={s.mark} style={style({ y: capacity.y })}>
            {words.capacityAt(capacity.value)}
          </span>
        )}
        {marked && (
          <>
            <span className={s.point} style={style(marked)} />
            <span
              className={cx(
                s.note,
                marked.x < 0.3 && s.right,
                isBelow(marked.y, capacity?.y) && s.below,
              )}
              style={style(marked)}
            >
              <b>
                {marked === last
                  ? words.todayAt(marked.value)
                  : words.on(shortDate(marked.day), marked.value)}
              </b>
              {marked === last && note && (
                <>
                  <br />
                  <Muted>{note}</Muted>
                </>
              )}
            </span>
          </>
        )}
      </div>
      <div className={s.dates}>
        {dates.map(({ day, x, is }) => (
          <span
            key={day}
            className={cx(x === 0 && s.first, x > 0.97 && s.last, is === "past" && s.past)}
            style={style({ x })}
          >
            {is === "today" ? words.today : shortDate(day)}
          </span>
        ))}
      </div>
    </figure>
  );
}

function Drawing({ of: { points, ticks, capacity, guess } }: { of: Chart }) {
  const [first, last] = [points[0], points.at(-1)];
  if (!first || !last) return null;
  const line = points.map(at).join(" ");
  const ground = (x: number) => at({ x, y: 1 });
  return (
    <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
      {ticks.map(({ value, y }) => (
        <line key={value} className={s.grid} x2={WIDTH} y1={y * HEIGHT} y2={y * HEIGHT} />
      ))}
      <polygon className={s.under} points={`${ground(first.x)} ${line} ${ground(last.x)}`} />
      {capacity && (
        <line className={s.limit} x2={WIDTH} y1={capacity.y * HEIGHT} y2={capacity.y * HEIGHT} />
      )}
      {guess && (
        <>
          <line className={s.now} x1={last.x * WIDTH} x2={last.x * WIDTH} y2={HEIGHT} />
          <polyline className={s.guess} points={`${at(last)} ${at(guess)}`} />
        </>
      )}
      <polyline className={s.used} points={line} />
    </svg>
  );
}
