import { Check, Circle, CircleX } from "lucide-react";
import type { Schemas } from "../../api/client";
import { Icon } from "../../parts/Icon";
import { Panel } from "../../parts/Panel";
import { text } from "../../text";
import s from "./Durability.module.css";

const words = text.image;

/** Durability of the image: staged, on SFTP, verified. */
export function DurabilityTrail({ of }: { of: Schemas["ShownDurability"] }) {
  const { bytes_stored: stored, bytes_total: total, bytes_verified: verified, state } = of;
  const there = state === "on_sftp" || state === "verified";
  const steps = [
    { done: true, words: words.trail.staged },
    { done: there || stored >= total, words: words.trail.sent(stored, total) },
    { done: there, words: words.trail.on_sftp },
    {
      done: state === "verified",
      words: state === "verified" ? words.trail.verified : words.trail.read(verified, total),
    },
  ];
  const wrong = state === "damaged" ? words.trail.damaged : of.failed && words.trail.failed;
  return (
    <Panel title={words.durability}>
      <ol className={s.trail}>
        {state !== "damaged" &&
          steps.map((step) => (
            <li key={step.words} className={step.done ? s.done : undefined}>
              <Icon of={step.done ? Check : Circle} size={14} />
              {step.words}
            </li>
          ))}
        {wrong && (
          <li className={s.wrong}>
            <Icon of={CircleX} size={14} />
            {wrong}
          </li>
        )}
      </ol>
    </Panel>
  );
}
