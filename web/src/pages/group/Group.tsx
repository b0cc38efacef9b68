import { FolderX } from "lucide-react";
import { lazy, Suspense } from "react";
import { useGet } from "../../api/query";
import { to } from "../../app/paths";
import { may, useMe } from "../../app/session";
import { LinkButton } from "../../parts/Button";
import { Loaded, Skeleton } from "../../parts/Loaded";
import { Empty } from "../../parts/Notice";
import { Page } from "../../parts/Page";
import { Tabs } from "../../parts/Tabs";
import { Dots, Mono } from "../../parts/Text";
import { text } from "../../text";
import { bytes } from "../../text/format";
import { GroupActions } from "./GroupActions";
import { Repositories } from "./Repositories";

const words = text.group;

// For managers only.
const GroupAccess = lazy(() => import("../users/GroupAccess"));

export default function Group({ group: name }: { group: string }) {
  const me = useMe();
  // Groups are searched by prefix; pick the exact match.
  const query = useGet("/api/groups", { params: { query: { q: name, limit: 100 } } });
  const group = query.data?.items.find((it) => it.name === name);
  const crumbs = [
    { name: text.shell.groups, href: to.groups },
    { name, href: to.group(name) },
  ];
  const missing = (
    <Empty
      icon={FolderX}
      title={words.missing(name)}
      actions={<LinkButton href={to.groups}>{words.toGroups}</LinkButton>}
    >
      <span>{words.missingHint}</span>
    </Empty>
  );
  const manages = may(me, "manage", name);
  return (
    <Page
      title={name}
      heading={<Mono>{name}</Mono>}
      crumbs={crumbs}
      lead={
        group && (
          <Dots>
            <span>{text.shared.repositories(group.repositories)}</span>
            <span>{text.shared.tags(group.tags)}</span>
            <span>{bytes(group.logical_bytes)}</span>
            {group.public && <span>{words.public}</span>}
          </Dots>
        )
      }
      actions={group && <GroupActions group={group} manages={manages} />}
    >
      <Loaded query={query}>
        {() => {
          if (!group) return missing;
          if (!manages) return <Repositories group={group} manages={false} />;
          return (
            <Tabs
              label={words.tabs(name)}
              tabs={[
                {
                  id: "repositories",
                  name: words.repositories,
                  content: () => <Repositories group={group} manages />,
                },
                {
                  id: "access",
                  name: words.access,
                  content: () => (
                    <Suspense fallback={<Skeleton lines={4} />}>
                      <GroupAccess group={name} />
                    </Suspense>
                  ),
                },
              ]}
            />
          );
        }}
      </Loaded>
    </Page>
  );
}
