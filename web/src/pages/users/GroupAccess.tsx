import { Lock } from "lucide-react";
import { may, useMe } from "../../app/session";
import { Notice } from "../../parts/Notice";
import { text } from "../../text";
import { GrantList } from "./GrantList";
import { RobotList } from "./RobotList";

/** Access to a group and its robots, for its managers. Others see who can help. */
export default function GroupAccess({ group }: { group: string }) {
  const me = useMe();
  if (!may(me, "manage", group)) {
    return (
      <Notice icon={Lock} title={text.users.whoManages(group)}>
        {text.users.whoManagesHint}
      </Notice>
    );
  }
  return (
    <>
      <GrantList group={group} />
      <RobotList group={group} />
    </>
  );
}
