import { FolderX } from "lucide-react";
import { useRegistryHost } from "../../api/config";
import { useGet } from "../../api/query";
import { groupOf, to } from "../../app/paths";
import { LinkButton } from "../../parts/Button";
import { Command } from "../../parts/Copy";
import { Loaded } from "../../parts/Loaded";
import { Empty } from "../../parts/Notice";
import { Page } from "../../parts/Page";
import { Dots, RepositoryName } from "../../parts/Text";
import { text } from "../../text";
import s from "./Repository.module.css";
import { RepositoryMenu } from "./RepositoryMenu";
import { Tags } from "./Tags";

const words = text.repository;

export default function Repository({ repo }: { repo: string }) {
  const found = useGet("/api/repos", { params: { query: { repo, limit: 1 } } });
  const host = useRegistryHost();
  const group = groupOf(repo);
  const facts = found.data?.items[0];
  // Without a tag docker pulls `latest`, which may not exist.
  const newest = useGet(
    "/api/tags",
    { params: { query: { repo, sort: "pushed", limit: 1 } } },
    { enabled: facts !== undefined },
  );
  const tag = newest.data?.items[0]?.name;
  const crumbs = [
    { name: text.shell.groups, href: to.groups },
    { name: group, href: to.group(group) },
    { name: repo.slice(group.length + 1), href: to.repository(repo) },
  ];
  const missing = (
    <Empty
      icon={FolderX}
      title={words.missing(repo)}
      actions={<LinkButton href={to.group(group)}>{words.toGroup(group)}</LinkButton>}
    >
      <span>{words.missingHint}</span>
    </Empty>
  );
  return (
    <Page
      title={repo}
      heading={<RepositoryName name={repo} />}
      crumbs={crumbs}
      lead={
        facts && (
          <Dots>
            <span>{text.shared.tags(facts.tags)}</span>
            <span title={words.ownHint}>{words.own(facts.unique_bytes)}</span>
            <span title={words.sharedHint}>
              {words.shared(facts.logical_bytes - facts.unique_bytes)}
            </span>
            <span>{words.pulls(facts.pulls)}</span>
          </Dots>
        )
      }
      actions={
        facts && (
          <div className={s.actions}>
            {tag && <Command>{`docker pull ${host}/${repo}:${tag}`}</Command>}
            <RepositoryMenu repo={repo} rights={facts.rights} />
          </div>
        )
      }
    >
      <Loaded query={found} lines={8} missing={missing}>
        {() => (facts ? <Tags repo={repo} host={host} rights={facts.rights} /> : missing)}
      </Loaded>
    </Page>
  );
}
