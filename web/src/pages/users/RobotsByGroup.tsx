import { FolderPlus } from "lucide-react";
import { useState } from "react";
import { useSearchParams } from "wouter";
import { useGet } from "../../api/query";
import { to } from "../../app/paths";
import { LinkButton } from "../../parts/Button";
import { SearchBox, Select } from "../../parts/Field";
import { Loaded } from "../../parts/Loaded";
import { Empty } from "../../parts/Notice";
import { text } from "../../text";
import { RobotList } from "./RobotList";

const words = text.users;
const LIMIT = 100;

/** Robots of one group; initially the first one. */
export default function RobotsByGroup() {
  const [params, setParams] = useSearchParams();
  const [q, setQ] = useState("");
  const groups = useGet("/api/groups", { params: { query: { limit: LIMIT, q: q || undefined } } });
  const choose = (group: string) => setParams({ tab: "robots", group }, { replace: true });
  return (
    <Loaded query={groups} lines={4}>
      {({ items, total }) => {
        const chosen = params.get("group") ?? items[0]?.name;
        if (!chosen) {
          return (
            <Empty
              icon={FolderPlus}
              title={words.rights.noGroups}
              actions={<LinkButton href={to.groups}>{words.rights.toGroups}</LinkButton>}
            />
          );
        }
        const names = items.map((group) => group.name);
        return (
          <RobotList
            key={chosen}
            group={chosen}
            chooser={
              <>
                {(q || total > LIMIT) && (
                  <SearchBox label={words.robots.findGroup} value={q} onSearch={setQ} />
                )}
                <Select
                  label={words.robots.group}
                  value={chosen}
                  onChange={(event) => choose(event.target.value)}
                >
                  {(names.includes(chosen) ? names : [chosen, ...names]).map((name) => (
                    <option key={name}>{name}</option>
                  ))}
                </Select>
              </>
            }
          />
        );
      }}
    </Loaded>
  );
}
