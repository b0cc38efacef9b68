import { Copy, GitCompareArrows, Trash2 } from "lucide-react";
import { Link } from "wouter";
import type { Schemas } from "../../api/client";
import { to } from "../../app/paths";
import { Digest } from "../../parts/Copy";
import { copyAndSay } from "../../parts/copyAndSay";
import { Check } from "../../parts/Field";
import { Menu } from "../../parts/Menu";
import { Chip, Durability } from "../../parts/Status";
import { Cell, Row } from "../../parts/Table";
import { Bytes, Mono, Muted, Time } from "../../parts/Text";
import { text } from "../../text";

const words = text.repository;
export type Tag = Schemas["List_Tag"]["items"][number];

type TagRowProps = {
  repo: string;
  host: string;
  rights: string[];
  tag: Tag;
  /** Other visible tags of the same image. */
  sameAs: string[];
  picked: boolean;
  onPick: (on: boolean, range: boolean) => void;
  onDelete: (tags: string[]) => void;
};

export function TagRow({ repo, host, rights, tag, sameAs, picked, ...on }: TagRowProps) {
  const deletes = rights.includes("delete");
  const image = `${host}/${repo}:${tag.name}`;
  return (
    <Row picked={picked}>
      <Cell corner="check">
        <Check
          label={words.select(tag.name)}
          checked={picked}
          onChange={(event) =>
            on.onPick(event.target.checked, (event.nativeEvent as MouseEvent).shiftKey)
          }
        />
      </Cell>
      <Cell name>
        <Link href={to.tag(repo, tag.name)}>
          <Mono>{tag.name}</Mono>
        </Link>{" "}
        {sameAs[0] && (
          <Chip title={words.sameAsHint(sameAs.join(", "))}>{words.sameAs(sameAs[0])}</Chip>
        )}
      </Cell>
      <Cell middle noCard>
        <Digest of={tag.digest} />
      </Cell>
      <Cell middle label={words.platforms}>
        <Platforms of={tag.platforms} />
      </Cell>
      <Cell num label={words.size}>
        <Bytes of={tag.size} />
      </Cell>
      <Cell label={words.pushed}>
        <Time at={tag.pushed_at} />{" "}
        {tag.pushed_by && <Muted>{text.shared.by(tag.pushed_by)}</Muted>}
      </Cell>
      <Cell muted middle label={words.pulled}>
        <Time at={tag.pulled_at} />
      </Cell>
      <Cell state>
        <Durability of={tag.durability} />
      </Cell>
      <Cell corner="menu">
        <Menu
          label={words.menuOf(tag.name)}
          small
          items={[
            {
              icon: Copy,
              name: words.copyPull,
              onChoose: () => copyAndSay(`docker pull ${image}`),
            },
            { icon: Copy, name: words.copyDigest, onChoose: () => copyAndSay(tag.digest) },
            {
              icon: GitCompareArrows,
              name: words.pickForComparison,
              onChoose: () => on.onPick(true, false),
            },
            deletes && "separator",
            deletes && {
              icon: Trash2,
              name: words.remove,
              danger: true,
              onChoose: () => on.onDelete([tag.name]),
            },
          ]}
        />
      </Cell>
    </Row>
  );
}

/** `amd64` if all platforms are Linux, which is the usual case. */
function Platforms({ of }: { of: string[] }) {
  const known = of.filter((platform) => !platform.startsWith("unknown"));
  const linux = known.every((platform) => platform.startsWith("linux/"));
  return known.map((platform) => (
    <Chip key={platform} title={platform}>
      {linux ? platform.slice("linux/".length) : platform}
    </Chip>
  ));
}
