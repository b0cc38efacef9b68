import { lazy, type ReactNode, Suspense } from "react";
import { Skeleton } from "../../parts/Loaded";
import { Page } from "../../parts/Page";
import { Tabs } from "../../parts/Tabs";
import { text } from "../../text";
import { UserList } from "./UserList";

const words = text.users;

// Tabs are loaded lazily.
const RobotsByGroup = lazy(() => import("./RobotsByGroup"));
const RightsMatrix = lazy(() => import("./RightsMatrix"));

export default function Users() {
  return (
    <Page title={words.title} lead={words.lead}>
      <Tabs
        label={words.title}
        tabs={[
          { id: "users", name: words.tabs.users, content: () => <UserList /> },
          { id: "robots", name: words.tabs.robots, content: () => late(<RobotsByGroup />) },
          { id: "rights", name: words.tabs.rights, content: () => late(<RightsMatrix />) },
        ]}
      />
    </Page>
  );
}

const late = (tab: ReactNode) => <Suspense fallback={<Skeleton lines={6} />}>{tab}</Suspense>;
