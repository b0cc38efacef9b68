import { useMutation } from "@tanstack/react-query";
import { RotateCw } from "lucide-react";
import { answer, api } from "../../api/client";
import { renew, useGet } from "../../api/query";
import { useMe } from "../../app/session";
import { Button } from "../../parts/Button";
import { LiveDot } from "../../parts/LiveDot";
import { Failure } from "../../parts/Loaded";
import { Page } from "../../parts/Page";
import { say } from "../../parts/Toast";
import { text } from "../../text";
import { Pushes } from "./Pushes";
import { Summary } from "./Summary";
import { useSummary } from "./useSummary";

const words = text.transfers;

/** Transfers from this host to SFTP. */
export default function Transfers() {
  const me = useMe();
  const config = useGet("/api/config");
  const failed = useSummary().data?.failed ?? 0;
  const retry = useMutation({
    mutationFn: () => answer(api.POST("/api/jobs/retry-failed", {})),
    onSuccess: ({ retried }) => {
      say(retried > 0 ? words.retriedAll(retried) : words.retriedNone);
      return renew("/api/jobs", "/api/jobs/summary");
    },
  });
  const pushes = [...me.groups, ...me.repositories].some(({ rights }) => rights.includes("push"));
  return (
    <Page
      title={words.title}
      lead={config.data?.features.sync_upload ? words.leadSync : words.lead}
      actions={
        <>
          <LiveDot />
          {failed > 0 && (me.admin || pushes) && (
            <Button icon={RotateCw} busy={retry.isPending} onClick={() => retry.mutate()}>
              {words.retryFailed}
            </Button>
          )}
        </>
      }
    >
      <Failure problem={retry.error} />
      <Summary />
      <Pushes />
    </Page>
  );
}
