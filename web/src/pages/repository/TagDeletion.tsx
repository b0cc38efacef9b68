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

const words = text.removal;

type TagDeletionProps = { repo: string; tags: string[]; onClose: () => void; onDone?: () => void };

/** Asks before tags go, and says exactly what that frees. */
export function TagDeletion(props: TagDeletionProps) {
  if (props.tags.length === 0) return null;
  return <Asked key={props.tags.join(" ")} {...props} />;
}

function Asked({ repo, tags, onClose, onDone }: TagDeletionProps) {
  const [more, setMore] = useState<string[]>([]);
  const all = [...tags, ...more];
  const first = useTagsPreview(repo, tags);
  const preview = useTagsPreview(repo, all);
  const also = first.data?.also_tagged ?? [];
  const remove = useMutation({
    mutationFn: () => answer(api.POST("/api/tags/delete", { body: { repo, tags: all } })),
    onSuccess: (done) => {
      void renew("/api/tags", "/api/repos", "/api/overview", "/api/image");
      say(words.doneTags(done.tag_count, done.frees_bytes));
      onDone?.();
      onClose();
    },
  });
  return (
    <Confirm
      open
      onClose={onClose}
      title={
        <>
          {words.titleTags(tags.length, tags[0] ?? "")} <Mono>{repo}</Mono>?
        </>
      }
      confirm={words.confirmTags(all.length)}
      disabled={!preview.data}
      busy={remove.isPending}
      problem={remove.error ?? preview.error}
      onConfirm={() => remove.mutate()}
    >
      <RemovalEffect preview={preview.data}>
        {also.length > 0 && (
          <CheckLine
            hint={words.alsoDeleteHint}
            checked={more.length > 0}
            onChange={(event) => setMore(event.target.checked ? also : [])}
          >
            {words.alsoDelete(also.join(", "))}
          </CheckLine>
        )}
      </RemovalEffect>
    </Confirm>
  );
}
