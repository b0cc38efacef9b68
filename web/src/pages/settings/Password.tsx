import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { answer, api } from "../../api/client";
import { reopen } from "../../api/live";
import { renew } from "../../api/query";
import { useMe } from "../../app/session";
import { Button } from "../../parts/Button";
import { Field, Form } from "../../parts/Field";
import { Failure } from "../../parts/Loaded";
import { Panel, PanelBody } from "../../parts/Panel";
import { Small } from "../../parts/Text";
import { say } from "../../parts/Toast";
import { text } from "../../text";

const words = text.settings.password;
const EMPTY = { current: "", next: "", again: "" };
const SHORTEST = 8;

export function Password() {
  const { user } = useMe();
  const [typed, setTyped] = useState(EMPTY);
  // Validate on blur, not while typing.
  const [touched, setTouched] = useState({ next: false, again: false });
  const short = [...typed.next].length < SHORTEST;
  const differs = typed.again !== typed.next;

  const change = useMutation({
    mutationFn: () =>
      answer(
        api.PUT("/api/auth/password", {
          body: { current_password: typed.current, new_password: typed.next },
        }),
      ),
    onSuccess: () => {
      setTyped(EMPTY);
      setTouched({ next: false, again: false });
      say(words.changed);
      // The response started a new session.
      reopen();
      return renew("/api/auth/me", "/api/sessions");
    },
  });

  const wrong = change.error?.code === "PASSWORD_WRONG";

  const send = () => {
    setTouched({ next: true, again: true });
    if (typed.current && !short && !differs) change.mutate();
  };
  const field = (name: keyof typeof EMPTY) => ({
    type: "password",
    label: words[name],
    autoComplete: name === "current" ? "current-password" : "new-password",
    value: typed[name],
    onChange: (event: { target: { value: string } }) =>
      setTyped({ ...typed, [name]: event.target.value }),
  });
  const done = (name: keyof typeof touched) => () =>
    typed[name] && setTouched({ ...touched, [name]: true });

  return (
    <Panel title={words.title} id="password">
      <PanelBody>
        <Form onSend={send} busy={change.isPending}>
          {/* The user name, for password managers. */}
          <input hidden readOnly autoComplete="username" value={user.username} />
          <Field {...field("current")} error={wrong ? words.wrong : undefined} />
          <Field
            {...field("next")}
            hint={words.hint}
            error={touched.next && short ? words.short : undefined}
            onBlur={done("next")}
          />
          <Field
            {...field("again")}
            error={touched.again && differs ? words.differs : undefined}
            onBlur={done("again")}
          />
          <Small>{words.effect}</Small>
          {!wrong && <Failure problem={change.error} />}
          <div>
            <Button type="submit" kind="primary" busy={change.isPending} disabled={!typed.current}>
              {words.change}
            </Button>
          </div>
        </Form>
      </PanelBody>
    </Panel>
  );
}
