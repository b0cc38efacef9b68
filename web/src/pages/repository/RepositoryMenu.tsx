import { useMutation } from "@tanstack/react-query";
import { ArrowUpDown, Trash2 } from "lucide-react";
import { useState } from "react";
import { useLocation } from "wouter";
import { answer, api } from "../../api/client";
import { useRepositoryPreview } from "../../api/preview";
import { renew } from "../../api/query";
import { groupOf, to } from "../../app/paths";
import { Confirm } from "../../parts/Dialog";
import { Menu } from "../../parts/Menu";
import { RemovalEffect } from "../../parts/Removal";
import { Mono } from "../../parts/Text";
import { say } from "../../parts/Toast";
import { text } from "../../text";

const words = text.repository;

export function RepositoryMenu({ repo, rights }: { repo: string; rights: string[] }) {
  const [removing, setRemoving] = useState(false);
  const [, go] = useLocation();
  const deletes = rights.includes("delete");
  return (
    <>
      <Menu
        label={words.menu}
        items={[
          {
            icon: ArrowUpDown,
            name: words.transfers,
            onChoose: () => go(to.transfersOf(repo)),
          },
          deletes && "separator",
          deletes && {
            icon: Trash2,
            name: words.removeRepository,
            danger: true,
            onChoose: () => setRemoving(true),
          },
        ]}
      />
      {removing && <Removal repo={repo} onClose={() => setRemoving(false)} />}
    </>
  );
}

function Removal({ repo, onClose }: { repo: string; onClose: () => void }) {
  const [, go] = useLocation();
  const preview = useRepositoryPreview(repo);
  const remove = useMutation({
    mutationFn: () => answer(api.DELETE("/api/repos", { params: { query: { repo } } })),
    onSuccess: () => {
      go(to.group(groupOf(repo)));
      void renew("/api/repos", "/api/groups", "/api/overview");
      say(text.removal.doneRepository(repo));
    },
  });
  return (
    <Confirm
      open
      onClose={onClose}
      title={
        <>
          {text.removal.titleRepository} <Mono>{repo}</Mono>?
        </>
      }
      confirm={text.removal.confirmRepository}
      typed={repo}
      disabled={!preview.data}
      busy={remove.isPending}
      problem={remove.error ?? preview.error}
      onConfirm={() => remove.mutate()}
    >
      <RemovalEffect preview={preview.data} />
    </Confirm>
  );
}
