import { Trash2 } from "lucide-react";
import { useGet } from "../../api/query";
import { useMe } from "../../app/session";
import { Button } from "../../parts/Button";
import { Columns, Page } from "../../parts/Page";
import { Dots, Mono, Time } from "../../parts/Text";
import { text } from "../../text";
import { Capacity } from "./Capacity";
import { Disk } from "./Disk";
import { Garbage } from "./Garbage";
import { Hetzner } from "./Hetzner";
import { Largest } from "./Largest";
import { SftpServer } from "./SftpServer";
import { sourceOf } from "./source";

const words = text.storage;
const GARBAGE = "garbage";

/** Storage usage, largest repositories, SFTP server state and garbage collection. */
export default function Storage() {
  const me = useMe();
  const storage = useGet("/api/storage", undefined, { refetchInterval: 60_000 });
  const server = useGet("/api/sftp/health").data?.server;
  const capacity = storage.data?.capacity;
  return (
    <Page
      title={words.title}
      lead={
        <Dots>
          {server && <Mono>{`sftp://${server}`}</Mono>}
          <span>
            {capacity ? words.sources[sourceOf(capacity)] : words.noLead}
            {capacity?.at && (
              <>
                , <Time at={capacity.at} />
              </>
            )}
          </span>
        </Dots>
      }
      actions={
        me.admin && (
          <Button
            icon={Trash2}
            onClick={() => document.getElementById(GARBAGE)?.scrollIntoView({ block: "center" })}
          >
            {words.freeSpace}
          </Button>
        )
      }
    >
      <Capacity storage={storage} />
      <Columns even>
        <Largest />
        <SftpServer />
      </Columns>
      {me.admin ? (
        <Columns>
          <Garbage id={GARBAGE} />
          <Disk storage={storage} />
        </Columns>
      ) : (
        <Disk storage={storage} />
      )}
      <Hetzner />
    </Page>
  );
}
