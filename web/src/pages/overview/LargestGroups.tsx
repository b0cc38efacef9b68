import { Link } from "wouter";
import type { Got } from "../../api/client";
import { to } from "../../app/paths";
import { Meter } from "../../parts/Meter";
import { Panel } from "../../parts/Panel";
import { Bytes, Mono } from "../../parts/Text";
import { text } from "../../text";
import { bytes } from "../../text/format";
import s from "./LargestGroups.module.css";

const words = text.overview;

/** The largest groups. */
export const LargestGroups = ({ of: groups }: { of: Got<"/api/overview">["largest_groups"] }) => (
  <Panel title={words.groups} end={<Link href={to.groups}>{words.showAll}</Link>}>
    <ul className={s.list}>
      {groups.map(({ name, logical_bytes: size }) => (
        <li key={name}>
          <Link href={to.group(name)}>
            <Mono>{name}</Mono>
          </Link>
          <Bytes of={size} />
          <div className={s.bar}>
            <Meter
              label={`${name}: ${bytes(size)}`}
              total={groups[0]?.logical_bytes ?? 0}
              shares={[{ part: size }]}
            />
          </div>
        </li>
      ))}
    </ul>
  </Panel>
);
