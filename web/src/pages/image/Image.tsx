import { Fingerprint, FolderX, GitCompareArrows, Trash2 } from "lucide-react";
import { useState } from "react";
import { Link, useLocation, useSearchParams } from "wouter";
import type { Schemas } from "../../api/client";
import { paceOf } from "../../api/pace";
import { useGet } from "../../api/query";
import { groupOf, to } from "../../app/paths";
import { may, useMe } from "../../app/session";
import { Button, LinkButton } from "../../parts/Button";
import { Digest } from "../../parts/Copy";
import { Select } from "../../parts/Field";
import { Loaded } from "../../parts/Loaded";
import { Menu } from "../../parts/Menu";
import { Empty } from "../../parts/Notice";
import { Page } from "../../parts/Page";
import { Durability } from "../../parts/Status";
import { Dots, Mono, Muted, Time } from "../../parts/Text";
import { text } from "../../text";
import { shortDigest } from "../../text/format";
import { TagDeletion } from "../repository/TagDeletion";
import s from "./Image.module.css";
import { ImageDeletion } from "./ImageDeletion";
import { ImageTabs } from "./ImageTabs";
import { platformsOf } from "./platforms";

const words = text.image;
type ImageFacts = Schemas["Image"];

/** An image by its tag, or by its digest. */
export default function Image({ repo, reference }: { repo: string; reference: string }) {
  const [params] = useSearchParams();
  const platform = params.get("platform") ?? undefined;
  const query = useGet(
    "/api/image",
    { params: { query: { repo, ref: reference, platform } } },
    { refetchInterval: ({ state }) => paceOf(state.data && [state.data.durability]) },
  );
  const isDigest = reference.includes(":");
  const shown = isDigest ? shortDigest(reference) : reference;
  const whole = isDigest ? `${repo}@${shown}` : `${repo}:${shown}`;
  const group = groupOf(repo);
  const crumbs = [
    { name: text.shell.groups, href: to.groups },
    { name: group, href: to.group(group) },
    { name: repo.slice(group.length + 1), href: to.repository(repo) },
    { name: shown, href: isDigest ? to.digest(repo, reference) : to.tag(repo, reference) },
  ];
  const missing = (
    <Empty
      icon={FolderX}
      title={words.missing(whole)}
      actions={<LinkButton href={to.repository(repo)}>{words.toRepository}</LinkButton>}
    >
      <span>{words.missingHint}</span>
    </Empty>
  );
  const image = query.data;
  return (
    <Page
      title={whole}
      heading={
        <span className={s.heading}>
          <Mono>
            <Muted>
              {repo}
              {isDigest ? "@" : ":"}
            </Muted>
            {shown}
          </Mono>
          {image && <Durability of={image.durability} />}
        </span>
      }
      crumbs={crumbs}
      lead={image && <Facts image={image} reference={reference} />}
      actions={image && <Actions image={image} reference={reference} isDigest={isDigest} />}
    >
      <Loaded query={query} lines={8} missing={missing}>
        {(found) => <ImageTabs image={found} reference={reference} />}
      </Loaded>
    </Page>
  );
}

function Facts({ image, reference }: { image: ImageFacts; reference: string }) {
  const others = image.tags.filter((tag) => tag !== reference);
  return (
    <Dots>
      <span>
        <Digest of={image.digest} />
      </span>
      {others.length > 0 && (
        <span>
          {words.also}{" "}
          {others.slice(0, 5).map((tag, at) => (
            <span key={tag}>
              {at > 0 && ", "}
              <Link href={to.tag(image.repo, tag)}>
                <Mono>{tag}</Mono>
              </Link>
            </span>
          ))}
        </span>
      )}
      <span>
        {words.pushed} <Time at={image.pushed_at} />{" "}
        {image.pushed_by && text.shared.by(image.pushed_by)}
      </span>
      {image.pulled_at ? (
        <span>
          {words.lastPull} <Time at={image.pulled_at} />
        </span>
      ) : (
        <span>{words.notPulled}</span>
      )}
    </Dots>
  );
}

type ActionsProps = { image: ImageFacts; reference: string; isDigest: boolean };

function Actions({ image, reference, isDigest }: ActionsProps) {
  const me = useMe();
  const [, go] = useLocation();
  const [, setParams] = useSearchParams();
  const [deleting, setDeleting] = useState<"tag" | "image">();
  const platforms = platformsOf(image);
  const close = () => setDeleting(undefined);
  const mayDelete = may(me, "delete", image.repo);
  const choose = (platform: string) =>
    setParams((old) => new URLSearchParams({ ...Object.fromEntries(old), platform }), {
      replace: true,
    });
  return (
    <>
      {platforms.length > 1 && (
        <Select
          label={words.platform}
          value={image.platform ?? ""}
          onChange={(event) => choose(event.target.value)}
        >
          {platforms.map(({ name }) => (
            <option key={name}>{name}</option>
          ))}
        </Select>
      )}
      <LinkButton icon={GitCompareArrows} href={to.diff(image.repo, "", reference)}>
        {words.compare}
      </LinkButton>
      {mayDelete && (
        <Button
          kind="dangerQuiet"
          icon={Trash2}
          onClick={() => setDeleting(isDigest ? "image" : "tag")}
        >
          {words.remove}
        </Button>
      )}
      {!isDigest && (
        <Menu
          label={words.menu}
          items={[
            {
              icon: Fingerprint,
              name: words.showByDigest,
              onChoose: () => go(to.digest(image.repo, image.digest)),
            },
            mayDelete && "separator",
            mayDelete && {
              icon: Trash2,
              name: words.removeImage,
              danger: true,
              onChoose: () => setDeleting("image"),
            },
          ]}
        />
      )}
      {deleting === "image" && (
        <ImageDeletion repo={image.repo} digest={image.digest} onClose={close} />
      )}
      {deleting === "tag" && (
        <TagDeletion
          repo={image.repo}
          tags={[reference]}
          onClose={close}
          onDone={() => go(to.repository(image.repo))}
        />
      )}
    </>
  );
}
