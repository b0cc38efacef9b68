import s from "./Spark.module.css";

const WIDTH = 72;
const HEIGHT = 20;

/** A sparkline: shows the shape, not the scale. */
export function Spark({ values }: { values: number[] }) {
  const most = Math.max(...values);
  if (values.length < 2 || most <= 0) return null;
  const step = WIDTH / (values.length - 1);
  const y = (value: number) => (HEIGHT - 1 - (value / most) * (HEIGHT - 3)).toFixed(1);
  const points = values.map((value, at) => `${(at * step).toFixed(1)},${y(value)}`).join(" ");
  return (
    <svg className={s.spark} viewBox={`0 0 ${WIDTH} ${HEIGHT}`} aria-hidden="true">
      <polygon points={`0,${HEIGHT} ${points} ${WIDTH},${HEIGHT}`} />
      <polyline points={points} />
    </svg>
  );
}
