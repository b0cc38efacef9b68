import { Command } from "../../parts/Copy";
import { Muted } from "../../parts/Text";
import { text } from "../../text";
import s from "./Start.module.css";

const words = text.overview.start;

/** Client settings for a registry without HTTPS. */
export function PlainHttp({ host }: { host: string }) {
  return (
    <div className={s.plain}>
      <p>{words.plain}</p>
      <Muted>{words.docker}</Muted>
      <Command prompt="">{`{ "insecure-registries": ["${host}"] }`}</Command>
      <Muted>{words.podman}</Muted>
      <Command prompt="">{`[[registry]]\nlocation = "${host}"\ninsecure = true`}</Command>
      <Muted>{words.containerd(host)}</Muted>
      <Command prompt="">{`server = "http://${host}"`}</Command>
    </div>
  );
}
