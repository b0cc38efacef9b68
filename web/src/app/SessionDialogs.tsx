import { useMutation } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { reopen } from "../api/live";
import { queries, renew } from "../api/query";
import { Button } from "../parts/Button";
import { Dialog } from "../parts/Dialog";
import { Field, Form } from "../parts/Field";
import { Failure } from "../parts/Loaded";
import { Muted } from "../parts/Text";
import { text } from "../text";
import { signIn, signOut, useSession } from "./session";

/** When to warn before the session ends, in milliseconds. */
const WARNING = 120_000;

/** Warns before a session ends, and asks for the password afterwards. The page stays open. */
export function SessionDialogs() {
  const { state, endsAt } = useSession();
  if (state === "expired") return <SignInAgain />;
  return endsAt ? <StillThere endsAt={endsAt} /> : null;
}

function StillThere({ endsAt }: { endsAt: number }) {
  const [now, setNow] = useState(Date.now);
  const stays = useRef<HTMLButtonElement>(null);
  const left = endsAt - now;
  const open = left < WARNING && left > 0;
  useEffect(() => {
    const pause = open ? 1_000 : Math.max(1_000, Math.min(left - WARNING, 60_000));
    const timer = setTimeout(() => {
      setNow(Date.now());
      // The query detects that the session has ended.
      if (Date.now() >= endsAt) void renew("/api/auth/me");
    }, pause);
    return () => clearTimeout(timer);
  });
  const stay = () => {
    void renew("/api/auth/me");
    setNow(Date.now());
  };
  return (
    <Dialog
      open={open}
      onClose={stay}
      narrow
      focus={stays}
      title={text.shell.stillThere}
      foot={
        <>
          <Button onClick={signOut}>{text.shell.signOut}</Button>
          <Button ref={stays} kind="primary" onClick={stay}>
            {text.shell.stay}
          </Button>
        </>
      }
    >
      <Muted>{text.shell.endsIn(left / 1_000)}</Muted>
    </Dialog>
  );
}

function SignInAgain() {
  const { me } = useSession();
  const [password, setPassword] = useState("");
  const typed = useRef<HTMLInputElement>(null);
  const send = useMutation({
    mutationFn: () => signIn(me.user.username, password),
    onSuccess: async () => {
      reopen();
      await queries.invalidateQueries();
    },
  });
  const start = () => password && send.mutate();
  return (
    <Dialog
      open
      // The dialog cannot be dismissed.
      onClose={() => {}}
      narrow
      focus={typed}
      title={text.shell.ended}
      foot={
        <>
          <Button onClick={() => location.assign("/login")}>{text.shell.signOut}</Button>
          <Button kind="primary" disabled={!password} busy={send.isPending} onClick={start}>
            {text.shell.signIn}
          </Button>
        </>
      }
    >
      <Muted>{text.shell.endedHint}</Muted>
      <Form onSend={start} busy={send.isPending}>
        <Field label={text.shell.user} value={me.user.username} readOnly autoComplete="username" />
        <Field
          ref={typed}
          label={text.shell.password}
          type="password"
          autoComplete="current-password"
          value={password}
          onChange={(event) => setPassword(event.target.value)}
        />
      </Form>
      <Failure problem={send.error} />
    </Dialog>
  );
}
