import { KeyRound } from "lucide-react";
import { type ReactNode, useEffect, useRef } from "react";
import { useGet } from "../api/query";
import { text } from "../text";
import { Button } from "./Button";
import { Command } from "./Copy";
import { Icon } from "./Icon";
import s from "./Secret.module.css";
import { Muted, Small } from "./Text";

const words = text.access;

type SecretProps = {
  title: ReactNode;
  secret: string;
  /** Who signs in with it. */
  user: string;
  /** It is for a person at the sign-in page: no commands. */
  person?: boolean;
  onDone: () => void;
};

/** A secret that is shown this once; it stays until one has copied it. */
export function SecretOnce({ title, secret, user, person, onDone }: SecretProps) {
  const place = useRef<HTMLElement>(null);
  useEffect(() => {
    place.current?.scrollIntoView({ block: "nearest" });
  }, [secret]);
  return (
    <section ref={place} className={s.secret} aria-label={words.copySecret}>
      <Icon of={KeyRound} />
      <div className={s.words}>
        <b>{title}</b>
        <p>
          <Muted>{words.shownOnce}</Muted>
        </p>
      </div>
      <div className={s.copies}>
        <Command prompt="" label={words.copySecret}>
          {secret}
        </Command>
        {!person && <LoginCommand user={user} />}
      </div>
      <Button small onClick={onDone}>
        {words.done}
      </Button>
    </section>
  );
}

/** How Docker signs in, with what it needs where the registry has no HTTPS. */
function LoginCommand({ user }: { user: string }) {
  const { data } = useGet("/api/config");
  if (!data) return null;
  const host = data.registry_host;
  return (
    <>
      <Command>{`docker login ${host} -u ${quoted(user)}`}</Command>
      <Small>{words.pasted}</Small>
      {!data.https && !isLoopback(host) && (
        <>
          <Small>{words.plainHttp}</Small>
          <Command prompt="">{JSON.stringify({ "insecure-registries": [host] })}</Command>
        </>
      )}
    </>
  );
}

/** For a shell: names may have letters of any script, and those need no quotes. */
const quoted = (name: string) => (/^[\p{L}\p{N}._@+-]+$/u.test(name) ? name : `'${name}'`);

/** Docker speaks plain HTTP with this machine itself. */
export function isLoopback(host: string) {
  const name = host.replace(/:\d+$/, "");
  return name === "localhost" || name === "[::1]" || /^127(\.\d{1,3}){3}$/.test(name);
}
