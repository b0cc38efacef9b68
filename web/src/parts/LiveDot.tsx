import { useConnection } from "../api/live";
import { text } from "../text";
import { cx } from "./class";
import s from "./LiveDot.module.css";

const LOOKS = { live: s.live, reconnecting: s.reconnecting, polling: undefined };

/** Shows whether the page updates live. */
export function LiveDot() {
  const { state } = useConnection();
  return (
    <span
      className={cx(s.dot, LOOKS[state])}
      title={state === "live" ? text.shared.liveHint : undefined}
    >
      {text.shared[state]}
    </span>
  );
}
