import { ImageName, Mono } from "../../parts/Text";
import { text } from "../../text";
import { shortDigest } from "../../text/format";
import type { Push } from "./pushes";

const words = text.transfers;

/** `team/api:1.2`, or a short digest without a tag. */
function split(name: string) {
  const [repo = "", digest] = name.split("@");
  if (digest) return { repo, reference: shortDigest(digest) };
  const at = name.lastIndexOf(":");
  return at < 0
    ? { repo: name, reference: "" }
    : { repo: name.slice(0, at), reference: name.slice(at + 1) };
}

/** A push's name as plain text, for labels and messages. */
export function titleOf({ name, repo, removes, state }: Push): string {
  const subject = name ?? repo;
  if (removes) return subject ? words.removalOf(subject) : words.cleaning;
  if (name) return name;
  if (!repo) return words.groups;
  return state === "done" ? words.layersOf(repo) : words.noManifest(repo);
}

export function PushName({ of }: { of: Push }) {
  if (of.removes || !of.name) return <span title={of.name ?? undefined}>{titleOf(of)}</span>;
  const { repo, reference } = split(of.name);
  return reference ? (
    <span title={of.name}>
      <ImageName repo={repo} tag={reference} />
    </span>
  ) : (
    <Mono>{repo}</Mono>
  );
}
