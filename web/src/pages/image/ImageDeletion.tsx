import { useMutation } from "@tanstack/react-query";
import { useLocation } from "wouter";
import { answer, api } from "../../api/client";
import { useImagePreview } from "../../api/preview";
import { renew } from "../../api/query";
import { to } from "../../app/paths";
import { Confirm } from "../../parts/Dialog";
import { RemovalEffect } from "../../parts/Removal";
import { Mono } from "../../parts/Text";
import { say } from "../../parts/Toast";
import { text } from "../../text";
import { shortDigest } from "../../text/format";

const words = text.removal;
type ImageDeletionProps = { repo: string; digest: string; onClose: () => void };

/** Deletes an image by digest with all its tags. */
export function ImageDeletion({ repo, digest, onClose }: ImageDeletionProps) {
  const [, go] = useLocation();
  const preview = useImagePreview(repo, digest);
  const tags = preview.data?.tags ?? [];
  const remove = useMutation({
    mutationFn: () => answer(api.DELETE("/api/image", { params: { query: { repo, digest } } })),
    onSuccess: () => {
      go(to.repository(repo));
      void renew("/api/tags", "/api/repos", "/api/groups", "/api/overview");
      say(words.doneImage);
    },
  });
  return (
    <Confirm
      open
      onClose={onClose}
      title={
        <>
          {words.titleImage} <Mono>{`${repo}@${shortDigest(digest)}`}</Mono>?
        </>
      }
      confirm={words.confirmImage}
      disabled={!preview.data}
      busy={remove.isPending}
      problem={remove.error ?? preview.error}
      onConfirm={() => remove.mutate()}
    >
      <RemovalEffect preview={preview.data}>
        {tags.length > 0 && (
          <p>
            {words.withTags} <Mono>{tags.join(", ")}</Mono>
          </p>
        )}
      </RemovalEffect>
    </Confirm>
  );
}
