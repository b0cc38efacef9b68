import { Equal } from "lucide-react";
import { cx } from "../../parts/class";
import { Empty } from "../../parts/Notice";
import { ForReaders } from "../../parts/Text";
import { text } from "../../text";
import s from "./ConfigLines.module.css";
import type { Line } from "./lines";

const words = text.diff;

export function ConfigLines({ lines }: { lines: Line[] }) {
  if (lines.length === 0) return <Empty icon={Equal} title={words.noDifference} />;
  return (
    <ul className={s.lines}>
      {lines.map(({ kind, is, words: line }) => (
        <li key={kind + is + line} className={cx(is === "gone" ? s.gone : s.new)}>
          <span>{words.kinds[kind]}</span>
          <ForReaders>{is === "gone" ? words.gone : words.now}</ForReaders>
          <code>{line}</code>
        </li>
      ))}
    </ul>
  );
}
