import { History as HistoryIcon } from "lucide-react";
import type { Schemas } from "../../api/client";
import { Empty } from "../../parts/Notice";
import { Panel } from "../../parts/Panel";
import { Cell, Row, Table, Th } from "../../parts/Table";
import { Bytes, Mono, Muted, Small, Time } from "../../parts/Text";
import { text } from "../../text";
import { stepsOf } from "./steps";

const words = text.image;

export function History({ image }: { image: Schemas["Image"] }) {
  if (image.history.length === 0) {
    return (
      <Panel label={words.history}>
        <Empty icon={HistoryIcon} title={words.noHistory} />
      </Panel>
    );
  }
  return (
    <Panel label={words.history}>
      <Table
        label={words.history}
        head={
          <>
            <Th>{words.made}</Th>
            <Th>{words.step}</Th>
            <Th num>{words.size}</Th>
          </>
        }
      >
        {stepsOf(image).map(({ number, step, size }) => (
          <Row key={number}>
            <Cell muted label={words.made}>
              <Time at={step.created} />
            </Cell>
            <Cell name>
              {step.created_by ? (
                <Mono title={step.created_by}>{step.created_by}</Mono>
              ) : (
                <Muted>{words.unknownStep}</Muted>
              )}
              {step.comment && <Small>{step.comment}</Small>}
            </Cell>
            <Cell num label={words.size}>
              {size === null ? <Muted>{text.shared.unknown}</Muted> : <Bytes of={size} />}
            </Cell>
          </Row>
        ))}
      </Table>
    </Panel>
  );
}
