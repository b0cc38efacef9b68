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
  /** The account that signs in with the secret. */
  user: string;
  /** For the sign-in page, so without commands. */
  person?: boolean;
  onDone: () => void;
};

/** Shows a secret once, until it is copied. */
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

/** The docker login command, with the setting for plain HTTP. */
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

/** Quotes a name for a shell; letters of any script need no quotes. */
const quoted = (name: string) => (/^[\p{L}\p{N}._@+-]+$/u.test(name) ? name : `'${name}'`);

/** Docker accepts plain HTTP from localhost. */
export function isLoopback(host: string) {
  const name = host.replace(/:\d+$/, "");
  return name === "localhost" || name === "[::1]" || /^127(\.\d{1,3}){3}$/.test(name);
}
