import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { answer, api } from "../../api/client";
import { useTagsPreview } from "../../api/preview";
import { renew } from "../../api/query";
import { Confirm } from "../../parts/Dialog";
import { CheckLine } from "../../parts/Field";
import { RemovalEffect } from "../../parts/Removal";
import { Mono } from "../../parts/Text";
import { say } from "../../parts/Toast";
import { text } from "../../text";
import { TagEffects } from "./TagEffects";

const words = text.removal;

type TagDeletionProps = {
  repo: string;
  tags: string[];
  onClose: () => void;
  /** Called with the deleted tags. */
  onDone?: (gone: string[]) => void;
};

/** Asks for confirmation before deleting tags, and shows what that frees. */
export function TagDeletion(props: TagDeletionProps) {
  if (props.tags.length === 0) return null;
  return <Asked key={props.tags.join(" ")} {...props} />;
}

function Asked({ repo, tags, onClose, onDone }: TagDeletionProps) {
  const [alsoToo, setAlsoToo] = useState(false);
  const only = useTagsPreview(repo, tags);
  const also = only.data?.also_tagged ?? [];
  const withThem = useTagsPreview(repo, also.length > 0 ? [...tags, ...also] : []);
  const all = alsoToo ? [...tags, ...also] : tags;
  const preview = alsoToo ? withThem : only;
  const more = withThem.data && only.data && withThem.data.frees_bytes - only.data.frees_bytes;
  const remove = useMutation({
    mutationFn: () => answer(api.POST("/api/tags/delete", { body: { repo, tags: all } })),
    onSuccess: (done) => {
      void renew("/api/tags", "/api/repos", "/api/groups", "/api/overview");
      say(words.doneTags(done.tag_count, done.frees_bytes));
      onClose();
      onDone?.(all);
    },
  });
  return (
    <Confirm
      open
      onClose={onClose}
      title={
        <>
          {words.titleTags(all.length, all[0] ?? "")} <Mono>{repo}</Mono>?
        </>
      }
      confirm={words.confirmTags(all.length)}
      // Users confirm what is shown, not a previous preview.
      disabled={!preview.data || preview.isPlaceholderData}
      busy={remove.isPending}
      problem={remove.error ?? preview.error}
      onConfirm={() => remove.mutate()}
    >
      <RemovalEffect preview={preview.data}>
        <TagEffects repo={repo} tags={all} />
        {also.length > 0 && (
          <CheckLine
            hint={more === undefined ? undefined : words.freesMore(more)}
            checked={alsoToo}
            onChange={(event) => setAlsoToo(event.target.checked)}
          >
            {words.alsoDelete} <Mono>{also.join(", ")}</Mono> {words.sameImage(also.length)}
          </CheckLine>
        )}
      </RemovalEffect>
    </Confirm>
  );
}
