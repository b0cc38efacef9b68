import { useMutation } from "@tanstack/react-query";
import { Ban, CircleCheck, KeyRound, Pencil, Trash2 } from "lucide-react";
import { useState } from "react";
import { answer, api } from "../../api/client";
import { renew } from "../../api/query";
import { Confirm } from "../../parts/Dialog";
import { Menu } from "../../parts/Menu";
import { say, warn } from "../../parts/Toast";
import { text } from "../../text";
import { RobotDialog } from "./RobotDialog";
import type { Robot, WithSecret } from "./RobotList";
import { RotateDialog } from "./RotateDialog";

const words = text.users;

type MenuProps = {
  robot: Robot;
  onSecret: (shown: WithSecret) => void;
  onGone: () => void;
};

/** Actions on a robot. */
export function RobotMenu({ robot, onSecret, onGone }: MenuProps) {
  const { name, disabled } = robot;
  const [asked, setAsked] = useState<"change" | "rotate" | "disable" | "remove" | null>(null);
  const close = () => setAsked(null);
  const params = { path: { name } };
  const done = (said: string) => {
    close();
    say(said);
    return renew("/api/robots", "/api/robots/{name}");
  };
  const turn = useMutation({
    mutationFn: (off: boolean) =>
      answer(api.PATCH("/api/robots/{name}", { params, body: { disabled: off } })),
    onSuccess: (_, off) => done((off ? words.robots.isDisabled : words.robots.isEnabled)(name)),
    // Disabling needs confirmation; its dialog shows errors.
    onError: (problem, off) => off || warn(problem.message),
  });
  const remove = useMutation({
    mutationFn: () => answer(api.DELETE("/api/robots/{name}", { params })),
    onSuccess: () => {
      close();
      onGone();
      say(words.robots.removed(name));
      // The queries of its row no longer apply.
      return renew("/api/robots");
    },
  });
  return (
    <>
      <Menu
        label={words.moreFor(name)}
        small
        items={[
          { icon: Pencil, name: words.robots.change, onChoose: () => setAsked("change") },
          { icon: KeyRound, name: words.robots.rotate, onChoose: () => setAsked("rotate") },
          disabled
            ? { icon: CircleCheck, name: words.robots.enable, onChoose: () => turn.mutate(false) }
            : { icon: Ban, name: words.robots.disable, onChoose: () => setAsked("disable") },
          "separator",
          {
            icon: Trash2,
            name: words.robots.remove,
            onChoose: () => setAsked("remove"),
            danger: true,
          },
        ]}
      />
      {asked === "change" && (
        <RobotDialog
          group={name.split("+")[0] ?? ""}
          robot={robot}
          onClose={close}
          onSecret={onSecret}
        />
      )}
      {asked === "rotate" && <RotateDialog name={name} onClose={close} onSecret={onSecret} />}
      <Confirm
        open={asked === "disable"}
        onClose={close}
        title={words.disableRobot.title(name)}
        confirm={words.disableRobot.confirm}
        onConfirm={() => turn.mutate(true)}
        busy={turn.isPending}
        problem={turn.error}
      >
        <p>{words.disableRobot.effect}</p>
      </Confirm>
      <Confirm
        open={asked === "remove"}
        onClose={close}
        title={words.removeRobot.title(name)}
        confirm={words.removeRobot.confirm}
        onConfirm={() => remove.mutate()}
        busy={remove.isPending}
        problem={remove.error}
      >
        <p>{words.removeRobot.effect}</p>
      </Confirm>
    </>
  );
}
