import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { answer, api } from "../../api/client";
import { renew, useGet } from "../../api/query";
import { ExpiryField, Until } from "../../parts/Expiry";
import { endOf } from "../../parts/expiry";
import { Select } from "../../parts/Field";
import { FormDialog } from "../../parts/FormDialog";
import { Dots, Small, Time } from "../../parts/Text";
import { say } from "../../parts/Toast";
import { text } from "../../text";
import type { WithSecret } from "./RobotList";

const words = text.users.rotate;

/** In seconds, as in the API. */
const OVERLAPS = [0, 3600, 86400, 604800] as const;

type RotateProps = { name: string; onClose: () => void; onSecret: (shown: WithSecret) => void };

/** Rotates a robot's secret; the old one stays valid for a while. */
export function RotateDialog({ name, onClose, onSecret }: RotateProps) {
  const params = { path: { name } };
  const { data } = useGet("/api/robots/{name}", { params });
  const [overlap, setOverlap] = useState(86400);
  const [expiry, setExpiry] = useState({ choice: "90", day: "" });
  const expires_at = endOf(expiry, Date.now());
  const rotate = useMutation({
    mutationFn: () =>
      answer(api.POST("/api/robots/{name}/rotate", { params, body: { overlap, expires_at } })),
    onSuccess: (made) => {
      onClose();
      onSecret(made);
      say(text.users.robots.rotated(name));
      return renew("/api/robots", "/api/robots/{name}");
    },
  });
  return (
    <FormDialog
      onClose={onClose}
      title={words.title(name)}
      confirm={words.create}
      ready={expires_at !== undefined}
      sending={rotate}
      onSend={() => rotate.mutate()}
    >
      <Select
        label={words.overlap}
        shown
        hint={words.overlapHint}
        value={overlap}
        onChange={(event) => setOverlap(Number(event.target.value))}
      >
        {OVERLAPS.map((seconds) => (
          <option key={seconds} value={seconds}>
            {words.overlaps[seconds]}
          </option>
        ))}
      </Select>
      <ExpiryField value={expiry} onChange={setExpiry} />
      {data && (
        <div>
          <Small>{words.secrets}</Small>
          {data.secrets.map((secret) => (
            <Dots key={secret.id}>
              <span>
                {words.made} <Time at={secret.created_at} />
              </span>
              <span>
                {words.used} <Time at={secret.last_used_at} />
              </span>
              <span>
                {words.ends} <Until at={secret.expires_at} ended={secret.ended} />
              </span>
            </Dots>
          ))}
        </div>
      )}
    </FormDialog>
  );
}
