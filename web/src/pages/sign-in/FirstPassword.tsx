import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { answer, api } from "../../api/client";
import { renew } from "../../api/query";
import { type Me, signOut } from "../../app/session";
import { Button } from "../../parts/Button";
import { Field, Form } from "../../parts/Field";
import { Failure } from "../../parts/Loaded";
import { text } from "../../text";
import { Gate } from "./Gate";

const words = text.signIn.first;

/** The only page of an account that must change its initial password. */
export default function FirstPassword({ me }: { me: Me }) {
  const [current, setCurrent] = useState("");
  const [next, setNext] = useState("");
  const [again, setAgain] = useState("");
  const [tried, setTried] = useState(false);
  const change = useMutation({
    mutationFn: () =>
      answer(
        api.PUT("/api/auth/password", { body: { current_password: current, new_password: next } }),
      ),
    onSuccess: () => renew("/api/auth/me"),
  });
  const short = [...next].length < 8;
  const faults = {
    next: short ? words.short : next === current ? words.same : undefined,
    again: again === next ? undefined : words.differs,
  };
  const send = () => {
    setTried(true);
    if (!faults.next && !faults.again) change.mutate();
  };
  return (
    <Gate title={words.title} heading={words.title} below={me.user.username}>
      <p>{words.lead}</p>
      <Form onSend={send} busy={change.isPending}>
        {/* The user name, for password managers. */}
        <input type="hidden" autoComplete="username" value={me.user.username} readOnly />
        <Field
          label={words.current}
          type="password"
          autoComplete="current-password"
          value={current}
          onChange={(event) => setCurrent(event.target.value)}
        />
        <Field
          label={words.next}
          type="password"
          autoComplete="new-password"
          hint={words.nextHint}
          error={tried && faults.next}
          value={next}
          onChange={(event) => setNext(event.target.value)}
        />
        <Field
          label={words.again}
          type="password"
          autoComplete="new-password"
          error={tried && faults.again}
          value={again}
          onChange={(event) => setAgain(event.target.value)}
        />
        <Button type="submit" kind="primary" wide busy={change.isPending}>
          {words.send}
        </Button>
      </Form>
      <Failure problem={change.error} />
      <Button kind="plain" onClick={signOut}>
        {words.signOut}
      </Button>
    </Gate>
  );
}
