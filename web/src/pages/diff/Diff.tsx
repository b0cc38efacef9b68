import { ArrowRightLeft, GitCompareArrows } from "lucide-react";
import { useSearchParams } from "wouter";
import { useGet } from "../../api/query";
import { groupOf, to } from "../../app/paths";
import { IconButton, LinkButton } from "../../parts/Button";
import { Select } from "../../parts/Field";
import { Loaded } from "../../parts/Loaded";
import { Empty } from "../../parts/Notice";
import { Page } from "../../parts/Page";
import { Fact, Facts, Panel } from "../../parts/Panel";
import { Bytes, Mono } from "../../parts/Text";
import { text } from "../../text";
import { bytes, count } from "../../text/format";
import { ConfigLines } from "./ConfigLines";
import { LayersTable } from "./LayersTable";
import { linesOf } from "./lines";

const words = text.diff;

/** Two images of a repository, side by side. */
export default function Diff({ repo }: { repo: string }) {
  const [params, setParams] = useSearchParams();
  const [from, into] = [params.get("from") ?? "", params.get("to") ?? ""];
  const platform = params.get("platform") ?? undefined;
  const query = useGet(
    "/api/diff",
    { params: { query: { repo, from, to: into, platform } } },
    { enabled: Boolean(from && into) },
  );
  const ask = (changes: Record<string, string>) =>
    setParams((old) => new URLSearchParams({ ...Object.fromEntries(old), ...changes }), {
      replace: true,
    });
  const backTo = to.repository(repo);
  const crumbs = [
    { name: text.shell.groups, href: to.groups },
    { name: groupOf(repo), href: to.group(groupOf(repo)) },
    { name: repo.slice(groupOf(repo).length + 1), href: backTo },
    { name: words.compare, href: to.diff(repo, from, into) },
  ];
  const back = <LinkButton href={backTo}>{words.toRepository}</LinkButton>;
  const missing = (
    <Empty icon={GitCompareArrows} title={words.missing(repo)} actions={back}>
      <span>{words.missingHint}</span>
    </Empty>
  );
  const sides = query.data;
  return (
    <Page
      title={words.title(into)}
      heading={
        <>
          {words.changedIn} <Mono>{into}</Mono>
        </>
      }
      crumbs={crumbs}
      lead={sides && words.downloads(from, sides.download_bytes, sides.to.size)}
      actions={<Sides repo={repo} from={from} into={into} platform={platform} onChoose={ask} />}
    >
      {from && into ? (
        <Loaded query={query} lines={8} missing={missing}>
          {(diff) => {
            const lines = linesOf(diff);
            const { same, added, removed } = diff.layers;
            return (
              <>
                <Facts>
                  <Fact term={words.size} below={words.more(diff.to.size - diff.from.size)}>
                    <Bytes of={diff.to.size} /> <Was>{bytes(diff.from.size)}</Was>
                  </Fact>
                  <Fact
                    term={words.layers}
                    below={words.layerWords(same.length, added.length, removed.length)}
                  >
                    {count(same.length + added.length)}{" "}
                    <Was>{count(same.length + removed.length)}</Was>
                  </Fact>
                  <Fact
                    term={words.config}
                    below={diff.from.config_unavailable ?? diff.to.config_unavailable}
                  >
                    {count(lines.length)} <small>{words.lines(lines.length)}</small>
                  </Fact>
                  <Fact term={words.platform}>{diff.to.platform ?? text.shared.unknown}</Fact>
                </Facts>
                <LayersTable layers={diff.layers} />
                <Panel title={words.config}>
                  <ConfigLines lines={lines} />
                </Panel>
              </>
            );
          }}
        </Loaded>
      ) : (
        <Empty icon={GitCompareArrows} title={words.choose} actions={back} />
      )}
    </Page>
  );
}

const Was = ({ children }: { children: string }) => <small>{words.was(children)}</small>;

type SidesProps = {
  repo: string;
  from: string;
  into: string;
  platform: string | undefined;
  onChoose: (changes: Record<string, string>) => void;
};

/** What is compared with what. */
function Sides({ repo, from, into, platform, onChoose }: SidesProps) {
  const tags = useGet("/api/tags", {
    params: { query: { repo, sort: "pushed", order: "desc", limit: 100 } },
  });
  const image = useGet(
    "/api/image",
    { params: { query: { repo, ref: into } } },
    { enabled: Boolean(into) },
  );
  const names = tags.data?.items.map(({ name }) => name) ?? [];
  /** What is not among the last hundred, or not chosen yet, is a choice too. */
  const including = (name: string) => (names.includes(name) ? names : [name, ...names]);
  const platforms = (image.data?.platforms ?? [])
    .filter(({ os }) => os !== "unknown")
    .map(({ os, architecture, variant }) => [os, architecture, variant].filter(Boolean).join("/"));
  return (
    <>
      <Select
        label={words.from}
        value={from}
        onChange={(event) => onChoose({ from: event.target.value })}
      >
        {including(from).map((name) => (
          <option key={name}>{name}</option>
        ))}
      </Select>
      <IconButton
        kind="plain"
        icon={ArrowRightLeft}
        label={words.swap}
        onClick={() => onChoose({ from: into, to: from })}
      />
      <Select
        label={words.into}
        value={into}
        onChange={(event) => onChoose({ to: event.target.value })}
      >
        {including(into).map((name) => (
          <option key={name}>{name}</option>
        ))}
      </Select>
      {platforms.length > 1 && (
        <Select
          label={words.platform}
          value={platform ?? platforms[0]}
          onChange={(event) => onChoose({ platform: event.target.value })}
        >
          {platforms.map((name) => (
            <option key={name}>{name}</option>
          ))}
        </Select>
      )}
    </>
  );
}
