import { Folder, LayoutDashboard, type LucideIcon, Package, Tag } from "lucide-react";
import { useDeferredValue, useEffect, useState } from "react";
import { useLocation } from "wouter";
import type { Problem } from "../api/problem";
import { useGet } from "../api/query";
import { Icon } from "../parts/Icon";
import ShownDialog from "../parts/ShownDialog";
import { Mono, Muted } from "../parts/Text";
import { text } from "../text";
import s from "./Finder.module.css";
import { to } from "./paths";
import { useMe } from "./session";

const words = text.palette;
type Match = { icon: LucideIcon; kind: string; name: string; href: string };

/** A search field with a list of results. Arrow keys select, Enter opens. */
export default function Finder({ onClose }: { onClose: () => void }) {
  const [q, setQ] = useState("");
  const [at, setAt] = useState(0);
  const [, go] = useLocation();
  const { found, settled, problem } = useFound(useDeferredValue(q.trim()));
  const chosen = Math.min(at, found.length - 1);
  useEffect(() => {
    document.getElementById(`found-${chosen}`)?.scrollIntoView({ block: "nearest" });
  }, [chosen]);
  const open = (href: string | undefined) => {
    if (!href) return;
    go(href);
    onClose();
  };
  const press = (key: string) => {
    if (key === "ArrowDown") setAt(chosen + 1 >= found.length ? 0 : chosen + 1);
    else if (key === "ArrowUp") setAt(chosen <= 0 ? found.length - 1 : chosen - 1);
    else if (key === "Enter") open(found[chosen]?.href);
    else return false;
    return true;
  };
  return (
    <ShownDialog open high onClose={onClose} title={words.title}>
      <input
        className={s.field}
        role="combobox"
        aria-label={words.label}
        aria-expanded={found.length > 0}
        aria-controls="found"
        aria-activedescendant={chosen >= 0 ? `found-${chosen}` : undefined}
        placeholder={words.hint}
        autoComplete="off"
        spellCheck={false}
        value={q}
        onChange={(event) => {
          setQ(event.target.value);
          setAt(0);
        }}
        onKeyDown={(event) => press(event.key) && event.preventDefault()}
      />
      <div role="status">
        {problem && <Muted>{problem.message}</Muted>}
        {found.length === 0 && settled && <Muted>{words.none(q)}</Muted>}
      </div>
      <div id="found" role="listbox" aria-label={words.title} className={s.found}>
        {found.map(({ icon, kind, name, href }, number) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents: the field above has the keys
          <div
            key={href}
            id={`found-${number}`}
            role="option"
            tabIndex={-1}
            aria-selected={number === chosen}
            onClick={() => open(href)}
          >
            <Icon of={icon} />
            <Mono>{name}</Mono>
            <Muted>{kind}</Muted>
          </div>
        ))}
      </div>
    </ShownDialog>
  );
}

/** Search results; `settled` is true when all have arrived. */
function useFound(q: string): { found: Match[]; settled: boolean; problem: Problem | null } {
  const me = useMe();
  const { data, isFetching, error } = useGet(
    "/api/search",
    { params: { query: { q } } },
    { enabled: q !== "" },
  );
  const shell = text.shell;
  const pages: [string, string, boolean][] = [
    [shell.overview, to.overview, true],
    [shell.groups, to.groups, true],
    [shell.transfers, to.transfers, true],
    [shell.storage, to.storage, true],
    [shell.users, to.users, me.admin],
    [shell.audit, to.audit, me.admin],
    [shell.settings, to.settings, true],
  ];
  const called = (name: string) => name.toLowerCase().includes(q.toLowerCase());
  const listed = q === "" ? undefined : data;
  const all: Match[] = [
    ...(listed?.groups ?? []).map((name) => ({
      icon: Folder,
      kind: words.group,
      name,
      href: to.group(name),
    })),
    ...(listed?.repos ?? []).map((name) => ({
      icon: Package,
      kind: words.repository,
      name,
      href: to.repository(name),
    })),
    ...(listed?.tags ?? []).map(({ repo, tag }) => ({
      icon: Tag,
      kind: words.tag,
      name: `${repo}:${tag}`,
      href: to.tag(repo, tag),
    })),
    ...pages
      .filter(([, , shown]) => shown)
      .map(([name, href]) => ({ icon: LayoutDashboard, kind: words.page, name, href })),
  ];
  // Results of the previous query may not match the current one.
  return {
    found: all.filter(({ name }) => called(name)),
    settled: !isFetching && !error,
    problem: error,
  };
}
