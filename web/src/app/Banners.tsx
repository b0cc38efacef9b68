import { useQueryClient } from "@tanstack/react-query";
import { WifiOff } from "lucide-react";
import { useEffect, useState } from "react";
import { Link } from "wouter";
import { useConnection } from "../api/live";
import { asProblem } from "../api/problem";
import { Notice } from "../parts/Notice";
import { Time } from "../parts/Text";
import { text } from "../text";
import { sentence, timeOfDay } from "../text/format";
import { to } from "./paths";
import s from "./Shell.module.css";
import { useMe } from "./session";

const words = text.shell;

/** Shows the most severe problem on every page. */
export function Banners() {
  const offline = useOffline();
  const { health } = useConnection();
  const me = useMe();
  const banner = () => {
    if (offline) {
      return (
        <Notice tone="warn" icon={WifiOff} title={words.offline} live>
          {words.offlineHint(timeOfDay(offline))}
        </Notice>
      );
    }
    if (!health) return null;
    if (!health.uploader_runs) {
      return (
        <Notice tone="bad" title={words.noUploader} live>
          {words.noUploaderHint}
        </Notice>
      );
    }
    if (health.state !== "down" && health.state !== "needs_person") return null;
    const down = health.state === "down";
    return (
      <Notice
        tone={down ? "warn" : "bad"}
        title={down ? words.sftpDown : words.sftpNeedsPerson}
        actions={me.admin && <Link href={to.storage}>{words.showChecks}</Link>}
        live
      >
        {health.message && sentence(health.message)} {health.hint && sentence(health.hint)}{" "}
        {words.sftpDownHint} {words.noticed} <Time at={health.since} />.
      </Notice>
    );
  };
  const shown = banner();
  return shown && <div className={s.banner}>{shown}</div>;
}

/** Time of the last response of the registry, or null while it responds. */
function useOffline() {
  const client = useQueryClient();
  const [since, setSince] = useState<number | null>(null);
  useEffect(() => {
    let heard = Date.now();
    return client.getQueryCache().subscribe((event) => {
      // A query that is being retried does not tell yet.
      if (event.type !== "updated") return;
      if (event.action.type === "error" && asProblem(event.action.error).offline) setSince(heard);
      if (event.action.type === "success") {
        heard = Date.now();
        setSince(null);
      }
    });
  }, [client]);
  return since;
}
