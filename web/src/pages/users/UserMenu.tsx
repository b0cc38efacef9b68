import { useMutation } from "@tanstack/react-query";
import {
  Ban,
  CircleCheck,
  KeyRound,
  LockOpen,
  ShieldCheck,
  ShieldOff,
  Table2,
  Trash2,
  UserCog,
} from "lucide-react";
import { useState } from "react";
import { useLocation } from "wouter";
import { answer, api, type Schemas } from "../../api/client";
import { renew } from "../../api/query";
import { to } from "../../app/paths";
import { Confirm } from "../../parts/Dialog";
import { Menu, type MenuItem } from "../../parts/Menu";
import { say, warn } from "../../parts/Toast";
import { text } from "../../text";
import type { Handed } from "./NewUser";
import { ResetPassword } from "./ResetPassword";
import type { Account } from "./UserList";

const words = text.users;

type MenuProps = { account: Account; mine: boolean; onHand: (handed: Handed) => void };
/** Actions that need confirmation. */
type OpenDialog = "toAdmin" | "toMember" | "disable" | "remove";

/** Actions on an account. Users cannot change their own, so the last administrator stays one. */
export function UserMenu({ account, mine, onHand }: MenuProps) {
  const { name } = account;
  const [, go] = useLocation();
  const [asked, setAsked] = useState<OpenDialog | "reset" | null>(null);
  const params = { path: { name } };
  const enable = useMutation({
    mutationFn: () => answer(api.PATCH("/api/users/{name}", { params, body: { disabled: false } })),
    onSuccess: () => {
      say(words.enabled(name));
      return renew("/api/users");
    },
    onError: (problem) => warn(problem.message),
  });
  const unlock = useMutation({
    mutationFn: () => answer(api.POST("/api/users/{name}/unlock", { params })),
    onSuccess: () => say(words.unlocked(name)),
    onError: (problem) => warn(problem.message),
  });
  const rights = () =>
    go(`${to.users}?${new URLSearchParams({ tab: "rights", "rights-q": name })}`);
  const close = () => setAsked(null);

  const label = words.moreFor(name);
  if (mine) {
    const own: MenuItem[] = [
      { icon: KeyRound, name: words.actions.own, onChoose: () => go(to.settings) },
      { icon: UserCog, name: words.actions.ownHint, onChoose: () => {}, disabled: true },
    ];
    return <Menu label={label} small items={own} />;
  }
  const isUser = account.role === "user";
  const items: MenuItem[] = [
    isUser && { icon: Table2, name: words.actions.rights, onChoose: rights },
    { icon: KeyRound, name: words.actions.reset, onChoose: () => setAsked("reset") },
    { icon: LockOpen, name: words.actions.unlock, onChoose: () => unlock.mutate() },
    isUser
      ? { icon: ShieldCheck, name: words.actions.toAdmin, onChoose: () => setAsked("toAdmin") }
      : { icon: ShieldOff, name: words.actions.toMember, onChoose: () => setAsked("toMember") },
    account.disabled
      ? { icon: CircleCheck, name: words.actions.enable, onChoose: () => enable.mutate() }
      : { icon: Ban, name: words.actions.disable, onChoose: () => setAsked("disable") },
    "separator",
    { icon: Trash2, name: words.actions.remove, danger: true, onChoose: () => setAsked("remove") },
  ];
  return (
    <>
      <Menu label={label} small items={items} />
      {asked === "reset" && <ResetPassword name={name} onClose={close} onHand={onHand} />}
      {asked && asked !== "reset" && <Ask name={name} question={asked} onClose={close} />}
    </>
  );
}

const CHANGES: Record<Exclude<OpenDialog, "remove">, Schemas["AccountChange"]> = {
  toAdmin: { role: "admin" },
  toMember: { role: "user" },
  disable: { disabled: true },
};

function Ask(props: { name: string; question: OpenDialog; onClose: () => void }) {
  const { name, question, onClose } = props;
  const said = words[question];
  const params = { path: { name } };
  const change = useMutation({
    mutationFn: async (): Promise<unknown> =>
      question === "remove"
        ? answer(api.DELETE("/api/users/{name}", { params }))
        : answer(api.PATCH("/api/users/{name}", { params, body: CHANGES[question] })),
    onSuccess: () => {
      onClose();
      say(said.done(name));
      return renew("/api/users", "/api/grants");
    },
  });
  return (
    <Confirm
      open
      onClose={onClose}
      title={said.title(name)}
      confirm={said.confirm}
      onConfirm={() => change.mutate()}
      busy={change.isPending}
      problem={change.error}
    >
      <p>{said.effect}</p>
    </Confirm>
  );
}
