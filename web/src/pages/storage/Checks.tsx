import { CircleCheck, CircleX } from "lucide-react";
import type { Schemas } from "../../api/client";
import { cx } from "../../parts/class";
import { Icon } from "../../parts/Icon";
import { Small } from "../../parts/Text";
import { text } from "../../text";
import s from "./Checks.module.css";

const words = text.storage;

/** Results of a check, up to the first failed step. */
export function Checks({ of: { ok, steps } }: { of: Schemas["Check"] }) {
  return (
    <div className={s.checks} role="status">
      <b>{ok ? words.checkedAll : words.checkFailed}</b>
      <ol>
        {steps.map((step) => (
          <li key={step.name} className={cx(!step.ok && s.bad)}>
            <Icon of={step.ok ? CircleCheck : CircleX} />
            <div>
              {words.steps[step.name] ?? step.name}
              <Small>{step.words}</Small>
              {step.hint && (
                <p>
                  <b>{words.whatToDo}</b> {step.hint}
                </p>
              )}
            </div>
            <span className={s.ms}>{words.ms(step.ms)}</span>
          </li>
        ))}
      </ol>
    </div>
  );
}
