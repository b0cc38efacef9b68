import { useMutation } from "@tanstack/react-query";
import { LockOpen } from "lucide-react";
import { useEffect, useState } from "react";
import { useLocation } from "wouter";
import type { Problem } from "../../api/problem";
import { queries } from "../../api/query";
import { signIn } from "../../app/session";
import { Button } from "../../parts/Button";
import { Command } from "../../parts/Copy";
import { Field, Form } from "../../parts/Field";
import { Failure } from "../../parts/Loaded";
import { Notice } from "../../parts/Notice";
import { Stack } from "../../parts/Page";
import { Small } from "../../parts/Text";
import { text } from "../../text";
import { Gate } from "./Gate";
import { isPlain, nextPath } from "./place";

const words = text.signIn;

export default function SignIn() {
  const [, go] = useLocation();
  const [user, setUser] = useState("");
  const [password, setPassword] = useState("");
  const send = useMutation<unknown, Problem>({
    mutationFn: () => signIn(user.trim(), password),
    onSuccess: () => {
      // Do not keep data of another account.
      queries.clear();
      go(nextPath(location.search), { replace: true });
    },
  });
  const { error } = send;
  const wait = useCountdown(error?.status === 429 ? error : null);
  const wrong = error?.status === 401;
  const start = () => user.trim() && password && wait === 0 && send.mutate();
  return (
    <Gate
      title={words.title}
      heading={words.heading}
      below={location.host}
      foot={<a href="/api/docs">{words.api}</a>}
    >
      {isPlain(location) && (
        <Notice tone="warn" icon={LockOpen} title={words.plain}>
          {words.plainHint}
        </Notice>
      )}
      <Form onSend={start} busy={send.isPending}>
        <Field
          label={words.user}
          autoComplete="username"
          autoCapitalize="none"
          value={user}
          onChange={(event) => setUser(event.target.value)}
        />
        <Field
          label={words.password}
          type="password"
          autoComplete="current-password"
          value={password}
          error={wrong && words.wrong}
          onChange={(event) => setPassword(event.target.value)}
        />
        <Button type="submit" kind="primary" wide busy={send.isPending} disabled={wait > 0}>
          {words.send}
        </Button>
      </Form>
      {wait > 0 ? (
        <Notice tone="warn" title={words.wait(wait)} live />
      ) : (
        <Failure problem={wrong || error?.status === 429 ? null : error} />
      )}
      <Stack tight>
        <Small>{words.forgotten}</Small>
        <Command>{words.command(user.trim() || "admin")}</Command>
      </Stack>
    </Gate>
  );
}

/** Seconds until the next attempt. */
function useCountdown(problem: Problem | null) {
  const [left, setLeft] = useState(0);
  useEffect(() => {
    if (!problem) return setLeft(0);
    const end = Date.now() + (problem.retryAfter ?? 1) * 1_000;
    const count = () => setLeft(Math.max(0, Math.ceil((end - Date.now()) / 1_000)));
    count();
    const timer = setInterval(count, 1_000);
    return () => clearInterval(timer);
  }, [problem]);
  return left;
}
