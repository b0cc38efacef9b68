import { Link } from "wouter";
import { useGet } from "../../api/query";
import { to } from "../../app/paths";
import { Loaded } from "../../parts/Loaded";
import { Meter } from "../../parts/Meter";
import { Panel } from "../../parts/Panel";
import { Bytes, RepositoryName } from "../../parts/Text";
import { text } from "../../text";
import s from "./Largest.module.css";

const words = text.overview;

/** Where the bytes are. */
export function Largest() {
  const query = useGet("/api/storage/top", { params: { query: { limit: 5 } } });
  return (
    <Panel title={words.largest} end={<Link href={to.groups}>{words.groups}</Link>}>
      <Loaded query={query}>
        {({ items }) => (
          <ul className={s.list}>
            {items.map(({ repo, unique_bytes: own }) => (
              <li key={repo}>
                <Link href={to.repository(repo)}>
                  <RepositoryName name={repo} />
                </Link>
                <Bytes of={own} />
                <div className={s.bar}>
                  <Meter
                    label={repo}
                    total={items[0]?.unique_bytes ?? 0}
                    shares={[{ part: own }]}
                  />
                </div>
              </li>
            ))}
          </ul>
        )}
      </Loaded>
    </Panel>
  );
}
