import { ArrowRightLeft } from "lucide-react";
import type { Schemas } from "../../api/client";
import { useGet } from "../../api/query";
import { IconButton } from "../../parts/Button";
import { Select } from "../../parts/Field";
import { text } from "../../text";
import { platformsOf } from "../image/platforms";
import { nameOf } from "./name";

const words = text.diff;

/** Number of latest tags to offer, in addition to the selected ones. */
const TAGS_MAX = 100;

type SidesProps = {
  repo: string;
  from: string;
  into: string;
  platform: string | undefined;
  /** An image, for its platforms. */
  image: Schemas["Image"] | undefined;
  onChoose: (changes: Record<string, string>) => void;
};

/** Selects the two sides. */
export function Sides({ repo, from, into, platform, image, onChoose }: SidesProps) {
  const tags = useGet("/api/tags", {
    params: { query: { repo, sort: "pushed", order: "desc", limit: TAGS_MAX } },
  });
  const names = tags.data?.items.map(({ name }) => name) ?? [];
  const platforms = image ? platformsOf(image) : [];
  const side = (label: string, chosen: string, choose: (name: string) => void) => (
    <Select label={label} value={chosen} onChange={(event) => choose(event.target.value)}>
      {!chosen && <option value="">{words.chooseTag}</option>}
      {chosen && !names.includes(chosen) && <option value={chosen}>{nameOf(chosen)}</option>}
      {names.map((name) => (
        <option key={name}>{name}</option>
      ))}
    </Select>
  );
  return (
    <>
      {side(words.from, from, (name) => onChoose({ from: name }))}
      <IconButton
        kind="plain"
        icon={ArrowRightLeft}
        label={words.swap}
        onClick={() => onChoose({ from: into, to: from })}
      />
      {side(words.into, into, (name) => onChoose({ to: name }))}
      {platforms.length > 1 && (
        <Select
          label={words.platform}
          value={platform ?? image?.platform ?? ""}
          onChange={(event) => onChoose({ platform: event.target.value })}
        >
          {platforms.map(({ name }) => (
            <option key={name}>{name}</option>
          ))}
        </Select>
      )}
    </>
  );
}
