import { History as HistoryIcon } from "lucide-react";
import type { Schemas } from "../../api/client";
import { Empty } from "../../parts/Notice";
import { Panel, PanelFoot } from "../../parts/Panel";
import { Cell, Row, Table, Th } from "../../parts/Table";
import { Bytes, Mono, Muted, Small, Time } from "../../parts/Text";
import { text } from "../../text";
import { HereLink } from "./HereLink";
import { stepsOf } from "./steps";

const words = text.image;
type Props = { image: Schemas["Image"] };

/** Number of steps in the overview. */
const LAST = 5;

export function History({ image }: Props) {
  const steps = stepsOf(image);
  return (
    <Panel label={words.history}>
      {steps.length === 0 ? (
        <Empty icon={HistoryIcon} title={words.noHistory} />
      ) : (
        <>
          <Steps steps={steps} />
          <PanelFoot>{words.lastFirst}</PanelFoot>
        </>
      )}
    </Panel>
  );
}

/** The latest steps, which most likely differ from the base image. */
export function LastSteps({ image }: Props) {
  const steps = stepsOf(image);
  if (steps.length === 0) return null;
  return (
    <Panel
      title={words.history}
      note={words.lastFirst}
      end={<HereLink ask={{ tab: "history" }}>{words.showSteps(steps.length)}</HereLink>}
    >
      <Steps steps={steps.slice(0, LAST)} />
    </Panel>
  );
}

const Steps = ({ steps }: { steps: ReturnType<typeof stepsOf> }) => (
  <Table
    compact
    label={words.history}
    head={
      <>
        <Th>{words.step}</Th>
        <Th>{words.made}</Th>
        <Th num>{words.size}</Th>
      </>
    }
  >
    {steps.map(({ number, step, size }) => (
      <Row key={number}>
        <Cell name>
          {step.created_by ? (
            <Mono title={step.created_by}>{step.created_by}</Mono>
          ) : (
            <Muted>{words.unknownStep}</Muted>
          )}
          {step.comment && <Small>{step.comment}</Small>}
        </Cell>
        <Cell muted label={words.made}>
          <Time at={step.created} />
        </Cell>
        <Cell num muted={size === 0} label={words.size}>
          {size === null ? <Muted>{text.shared.unknown}</Muted> : <Bytes of={size} />}
        </Cell>
      </Row>
    ))}
  </Table>
);
