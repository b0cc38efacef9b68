import {
  ArrowUpDown,
  Database,
  Ellipsis,
  Folder,
  LayoutDashboard,
  ListTree,
  LogOut,
  type LucideIcon,
  Search,
  Server,
  Settings,
  Users,
} from "lucide-react";
import { type ReactNode, useEffect, useState } from "react";
import { Link, useLocation } from "wouter";
import { onEnding, useConnection } from "../api/live";
import { useGet } from "../api/query";
import { IconButton } from "../parts/Button";
import { cx } from "../parts/class";
import { Icon } from "../parts/Icon";
import { Menu, type MenuItem } from "../parts/Menu";
import { ForReaders } from "../parts/Text";
import { Face } from "../parts/Who";
import { text } from "../text";
import { bytes, count } from "../text/format";
import { Banners } from "./Banners";
import { Brand } from "./Brand";
import { Keys } from "./Keys";
import { Palette } from "./Palette";
import { to } from "./paths";
import { SessionDialogs } from "./SessionDialogs";
import s from "./Shell.module.css";
import { signOut, useMe } from "./session";

const words = text.shell;

/** The frame of every page: navigation and banners. */
export function Shell({ children }: { children: ReactNode }) {
  const me = useMe();
  const [searching, setSearching] = useState(false);
  const config = useGet("/api/config");
  const host = config.data?.registry_host;
  const elsewhere = useElsewhere();
  return (
    <div className={s.app}>
      <a className={s.skip} href="#main">
        {words.skip}
      </a>
      <nav className={s.nav} aria-label={words.main}>
        <Brand below={host} />
        <button
          type="button"
          className={s.search}
          onClick={() => setSearching(true)}
          title={words.search}
        >
          <Icon of={Search} />
          <span className={s.word}>{words.search}</span>
          <kbd className={s.word}>{/Mac|iP/.test(navigator.platform) ? "⌘K" : "Ctrl K"}</kbd>
        </button>
        <div className={s.links}>
          <NavLink href={to.overview} icon={LayoutDashboard} name={words.overview} />
          <NavLink href={to.groups} icon={Folder} name={words.groups} below={["/g/", "/r/"]} />
          <NavLink href={to.transfers} icon={ArrowUpDown} name={words.transfers}>
            <TransferCounts />
          </NavLink>
          <NavLink href={to.storage} icon={Database} name={words.storage} />
        </div>
        <h3 className={s.word}>
          {me.admin ? words.administration : words.account(me.user.username)}
        </h3>
        <div className={s.links}>
          {me.admin && <NavLink href={to.users} icon={Users} name={words.users} />}
          {me.admin && <NavLink href={to.audit} icon={ListTree} name={words.audit} />}
          <NavLink href={to.settings} icon={Settings} name={words.settings} />
        </div>
        <div className={s.foot}>
          <StorageState />
          <Account />
        </div>
      </nav>
      <header className={s.top}>
        <Brand />
        <IconButton
          kind="plain"
          icon={Search}
          label={words.search}
          onClick={() => setSearching(true)}
        />
        <Account short />
      </header>
      <main id="main" tabIndex={-1} className={s.page}>
        <Banners />
        {children}
      </main>
      <nav className={s.bottom} aria-label={words.mainNarrow}>
        <NavLink href={to.overview} icon={LayoutDashboard} name={words.overview} />
        <NavLink href={to.groups} icon={Folder} name={words.groups} below={["/g/", "/r/"]} />
        <NavLink href={to.transfers} icon={ArrowUpDown} name={words.transfers} />
        <NavLink href={to.storage} icon={Database} name={words.storage} />
        <Menu
          label={words.more}
          items={elsewhere}
          trigger={
            <button type="button">
              <Icon of={Ellipsis} />
              {words.more}
            </button>
          }
        />
      </nav>
      <Endings />
      <Palette open={searching} onOpen={setSearching} />
      <Keys />
      <SessionDialogs />
    </div>
  );
}

type NavLinkProps = {
  href: string;
  icon: LucideIcon;
  name: string;
  /** Path prefixes of pages below this one. */
  below?: string[];
  children?: ReactNode;
};

function NavLink({ href, icon, name, below = [], children }: NavLinkProps) {
  const [at] = useLocation();
  const here = at === href || below.some((start) => at.startsWith(start));
  return (
    <Link href={href} title={name} aria-current={here ? "page" : undefined}>
      <Icon of={icon} />
      <span className={s.name}>{name}</span>
      {children}
    </Link>
  );
}

function TransferCounts() {
  const { data } = useGet("/api/jobs/summary", undefined, { refetchInterval: 15_000 });
  if (!data) return null;
  const underWay = data.waiting + data.pending + data.running;
  return (
    <>
      {underWay > 0 && (
        <span className={s.count} title={words.underWay(count(underWay))}>
          {count(underWay)}
        </span>
      )}
      {data.failed > 0 && (
        <span className={cx(s.count, s.bad)}>
          <span>{words.failed(count(data.failed))}</span>
        </span>
      )}
    </>
  );
}

const STATES = { up: s.up, down: s.down, needs_person: s.needs_person, unknown: undefined };

function StorageState() {
  const { health } = useConnection();
  const summary = useGet("/api/jobs/summary");
  const state = (health?.state ?? "unknown") as keyof typeof words.sftp;
  const waiting = summary.data?.bytes_waiting ?? 0;
  return (
    <>
      {waiting > 0 && (
        <Link href={to.transfers} className={s.staged} title={words.onlyHereHint}>
          <span className={s.word}>{words.onlyHere(bytes(waiting))}</span>
        </Link>
      )}
      <Link href={to.storage} title={words.sftp[state]} className={STATES[state]}>
        <Icon of={Server} />
        <span className={s.word}>{words.sftp[state]}</span>
      </Link>
    </>
  );
}

function Account({ short }: { short?: boolean }) {
  const { user } = useMe();
  const trigger = (
    <button type="button" className={s.account} aria-label={words.account(user.username)}>
      <Face name={user.username} />
      {!short && (
        <>
          <span className={s.word}>{user.username}</span>
          <span className={cx(s.word, s.dots)}>
            <Icon of={Ellipsis} />
          </span>
        </>
      )}
    </button>
  );
  return <Menu label={words.account(user.username)} trigger={trigger} items={useElsewhere()} />;
}

/** Navigation links that do not fit into the narrow bar. */
function useElsewhere(): MenuItem[] {
  const me = useMe();
  const [, go] = useLocation();
  return [
    me.admin && { icon: Users, name: words.users, onChoose: () => go(to.users) },
    me.admin && { icon: ListTree, name: words.audit, onChoose: () => go(to.audit) },
    { icon: Settings, name: words.settings, onChoose: () => go(to.settings) },
    "separator",
    { icon: LogOut, name: words.signOut, onChoose: signOut },
  ];
}

/** Announces finished transfers to screen readers, but not their progress. */
function Endings() {
  const [said, setSaid] = useState("");
  useEffect(
    () =>
      onEnding((job) => {
        if (job.kind !== "publish_tag" || job.removes || !job.repo) return;
        const name = job.tag ? `${job.repo}:${job.tag}` : job.repo;
        setSaid(job.state === "done" ? words.transferDone(name) : words.transferFailed(name));
      }),
    [],
  );
  return (
    <div role="status">
      <ForReaders>{said}</ForReaders>
    </div>
  );
}
