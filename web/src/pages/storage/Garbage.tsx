import { useMutation } from "@tanstack/react-query";
import { Recycle, RotateCw } from "lucide-react";
import { useState } from "react";
import { answer, api, type Schemas } from "../../api/client";
import { renew, useGet } from "../../api/query";
import { Button } from "../../parts/Button";
import { Confirm } from "../../parts/Dialog";
import { Failure } from "../../parts/Loaded";
import { Empty } from "../../parts/Notice";
import { Panel, PanelBody, PanelFoot } from "../../parts/Panel";
import { Muted } from "../../parts/Text";
import { say } from "../../parts/Toast";
import { text } from "../../text";
import { timeOfDay } from "../../text/format";
import { GarbageReport } from "./GarbageReport";

const words = text.storage;
type Report = Schemas["CollectionReport"];

const collect = (dry_run: boolean): Promise<Report> =>
  answer(api.POST("/api/gc", { body: { dry_run } }));

/** Previews garbage, then collects it. */
export function Garbage({ id }: { id: string }) {
  const [asking, setAsking] = useState(false);
  const [at, setAt] = useState(0);
  const untagged = useGet("/api/config").data?.features.collects_untagged;
  const preview = useMutation({
    mutationFn: () => collect(true),
    onSuccess: () => setAt(Date.now()),
  });
  const run = useMutation({
    mutationFn: () => collect(false),
    onSuccess: ({ manifests, blobs, bytes }) => {
      setAsking(false);
      say(words.collected(manifests, blobs, bytes));
      preview.reset();
      return renew("/api/storage", "/api/storage/top", "/api/overview", "/api/jobs");
    },
  });
  const found = preview.data;
  const nothing = found && found.manifests + found.blobs + found.links === 0;
  const ask = () => {
    run.reset();
    setAsking(true);
  };
  return (
    <Panel
      id={id}
      title={words.garbage}
      note={found ? words.previewed(timeOfDay(at)) : words.garbageNight}
      end={
        found && (
          <Button small icon={RotateCw} busy={preview.isPending} onClick={() => preview.mutate()}>
            {words.previewAgain}
          </Button>
        )
      }
    >
      {preview.error && (
        <PanelBody>
          <Failure problem={preview.error} />
        </PanelBody>
      )}
      {!found && (
        <PanelBody tight>
          <Muted>
            {words.previewHint} {untagged ? words.untaggedGo : words.untaggedStay}
          </Muted>
          <div>
            <Button busy={preview.isPending} onClick={() => preview.mutate()}>
              {words.preview}
            </Button>
          </div>
        </PanelBody>
      )}
      {nothing && (
        <Empty icon={Recycle} title={words.clean}>
          <span>
            {words.cleanHint} {untagged ? words.untaggedGo : words.untaggedStay}
          </span>
        </Empty>
      )}
      {found && !nothing && (
        <>
          <GarbageReport of={found} />
          <PanelFoot
            end={
              <Button kind="primary" onClick={ask}>
                {words.collect(found.bytes)}
              </Button>
            }
          >
            {words.trash}
          </PanelFoot>
          <Confirm
            open={asking}
            onClose={() => setAsking(false)}
            title={words.collectTitle}
            confirm={words.collect(found.bytes)}
            onConfirm={() => run.mutate()}
            busy={run.isPending}
            problem={run.error}
          >
            <p>{words.collectEffect(found.manifests, found.blobs, found.bytes)}</p>
            <Muted>{words.collectNote}</Muted>
          </Confirm>
        </>
      )}
    </Panel>
  );
}
