import { Check, Copy } from "lucide-react";
import { useState } from "react";
import { Button } from "../../parts/Button";
import { copy } from "../../parts/copy";
import { Panel } from "../../parts/Panel";
import { text as all } from "../../text";
import s from "./Json.module.css";

/** Formatted JSON; copying returns the original bytes. */
export function Json({ title, text }: { title: string; text: string }) {
  const [copied, setCopied] = useState(false);
  const button = (
    <Button small icon={copied ? Check : Copy} onClick={async () => setCopied(await copy(text))}>
      {copied ? all.shared.copied : all.image.copyManifest}
    </Button>
  );
  return (
    <Panel title={title} end={button}>
      <pre className={s.json}>{laidOut(text)}</pre>
    </Panel>
  );
}

function laidOut(json: string) {
  try {
    return JSON.stringify(JSON.parse(json), null, 2);
  } catch {
    return json;
  }
}
