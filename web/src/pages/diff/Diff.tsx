import { GitCompareArrows } from "lucide-react";
import { useSearchParams } from "wouter";
import { useGet } from "../../api/query";
import { groupOf, to } from "../../app/paths";
import { LinkButton } from "../../parts/Button";
import { Loaded } from "../../parts/Loaded";
import { Empty } from "../../parts/Notice";
import { Page } from "../../parts/Page";
import { Mono } from "../../parts/Text";
import { text } from "../../text";
import { ConfigLines } from "./ConfigLines";
import { DiffFacts } from "./DiffFacts";
import { LayersTable } from "./LayersTable";
import { sideBySide } from "./layers";
import { nameOf } from "./name";
import { Sides } from "./Sides";

const words = text.diff;

/** Two images of a repository, side by side. */
export default function Diff({ repo }: { repo: string }) {
  const [params, setParams] = useSearchParams();
  const [from, into] = [params.get("from") ?? "", params.get("to") ?? ""];
  const platform = params.get("platform") ?? undefined;
  const both = Boolean(from && into);
  const query = useGet(
    "/api/diff",
    { params: { query: { repo, from, to: into, platform } } },
    { enabled: both },
  );
  // The diff lacks the order of layers and unchanged settings.
  const older = useSide(repo, from, platform);
  const newer = useSide(repo, into, platform);
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
  const sides = both ? query.data : undefined;
  return (
    <Page
      title={into ? words.title(nameOf(into)) : words.titleAny}
      heading={
        into ? (
          <>
            {words.changedIn} <Mono>{nameOf(into)}</Mono>
          </>
        ) : (
          words.titleAny
        )
      }
      crumbs={crumbs}
      lead={sides && words.downloads(nameOf(from), sides.download_bytes, sides.to.size)}
      actions={
        <Sides
          repo={repo}
          from={from}
          into={into}
          platform={platform}
          image={newer ?? older}
          onChoose={ask}
        />
      }
    >
      {both ? (
        <Loaded query={query} lines={8} missing={missing}>
          {(diff) => {
            const { same, added, removed } = diff.layers;
            const images = older && newer && ([older, newer] as [typeof older, typeof newer]);
            const rows = images
              ? sideBySide(older.layers, newer.layers)
              : sideBySide([...same, ...removed], [...same, ...added]);
            return (
              <>
                <DiffFacts diff={diff} rows={rows} images={images} />
                <LayersTable rows={rows} from={nameOf(from)} into={nameOf(into)} />
                <ConfigLines diff={diff} config={newer?.config} />
              </>
            );
          }}
        </Loaded>
      ) : (
        <Empty icon={GitCompareArrows} title={words.chooseOther} actions={back} />
      )}
    </Page>
  );
}

/** One of the images; undefined while a placeholder is shown. */
function useSide(repo: string, ref: string, platform: string | undefined) {
  const query = useGet(
    "/api/image",
    { params: { query: { repo, ref, platform } } },
    { enabled: Boolean(ref), fresh: true },
  );
  return ref ? query.data : undefined;
}
