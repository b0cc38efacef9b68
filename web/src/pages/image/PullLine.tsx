import { useState } from "react";
import type { Schemas } from "../../api/client";
import { useRegistryHost } from "../../api/config";
import { Command } from "../../parts/Copy";
import { Segments } from "../../parts/Field";
import { text } from "../../text";
import { kindOf } from "./kind";
import s from "./PullLine.module.css";
import { pullsOf, type Tool } from "./pulls";

const words = text.image;

type PullLineProps = { image: Schemas["Image"]; reference: string };

/** The pull command for several clients. */
export function PullLine({ image, reference }: PullLineProps) {
  const [tool, setTool] = useState<Tool>();
  const host = useRegistryHost();
  const pulls = pullsOf(kindOf(image), `${host}/${image.repo}`, reference, image.digest);
  const shown = pulls.find(([it]) => it === tool) ?? pulls[0];
  if (!shown) return null;
  return (
    <div className={s.line}>
      <Segments
        label={words.pullWith}
        value={shown[0]}
        options={pulls.map(([it]) => [it, words.tools[it]])}
        onChoose={setTool}
      />
      <Command>{shown[1]}</Command>
    </div>
  );
}
