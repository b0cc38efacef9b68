import { useState } from "react";
import { useGet } from "../../api/query";
import { Command } from "../../parts/Copy";
import { Segments } from "../../parts/Field";
import { text } from "../../text";
import s from "./PullLine.module.css";

const words = text.image;
type Tool = keyof typeof words.tools;

type PullLineProps = { repo: string; reference: string; digest: string; isDigest: boolean };

/** The command by which one pulls the image, for several programs. */
export function PullLine({ repo, reference, digest, isDigest }: PullLineProps) {
  const [tool, setTool] = useState<Tool>("docker");
  const config = useGet("/api/config");
  const host = config.data?.registry_host ?? location.host;
  const name = `${host}/${repo}${isDigest ? "@" : ":"}${reference}`;
  const commands: Record<Tool, string> = {
    docker: `docker pull ${name}`,
    podman: `podman pull ${name}`,
    skopeo: `skopeo copy docker://${name} oci:${repo.split("/").at(-1)}`,
    digest: `docker pull ${host}/${repo}@${digest}`,
  };
  return (
    <div className={s.line}>
      <Segments
        label={words.pullWith}
        value={tool}
        options={Object.entries(words.tools) as [Tool, string][]}
        onChoose={setTool}
      />
      <Command>{commands[tool]}</Command>
    </div>
  );
}
