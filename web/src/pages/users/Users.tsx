import { Page } from "../../parts/Page";
import { Tabs } from "../../parts/Tabs";
import { text } from "../../text";
import { RightsMatrix } from "./RightsMatrix";
import { RobotsByGroup } from "./RobotsByGroup";
import { UserList } from "./UserList";

const words = text.users;

export default function Users() {
  return (
    <Page title={words.title} lead={words.lead}>
      <Tabs
        label={words.title}
        tabs={[
          { id: "users", name: words.tabs.users, content: () => <UserList /> },
          { id: "robots", name: words.tabs.robots, content: () => <RobotsByGroup /> },
          { id: "rights", name: words.tabs.rights, content: () => <RightsMatrix /> },
        ]}
      />
    </Page>
  );
}
