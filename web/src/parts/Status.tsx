import {
  CircleCheck,
  CircleX,
  Clock,
  HardDrive,
  type LucideIcon,
  RotateCw,
  ShieldCheck,
  TriangleAlert,
} from "lucide-react";
import type { CSSProperties, ReactNode } from "react";
import type { Schemas } from "../api/client";
import { text } from "../text";
import { cx } from "./class";
import { Icon } from "./Icon";
import s from "./Status.module.css";

/** Quiet states need no action: only their icon is coloured. */
export type Tone = "quiet" | "ok" | "warn" | "bad" | "live";

const ICONS: Record<Exclude<Tone, "live">, LucideIcon> = {
  quiet: Clock,
  ok: CircleCheck,
  warn: TriangleAlert,
  bad: CircleX,
};

type StatusProps = { tone: Tone; icon?: LucideIcon; title?: string; children: ReactNode };

/** Status with icon, word and colour. */
export function Status({ tone, icon, title, children }: StatusProps) {
  return (
    <span className={cx(s.status, s[tone])} title={title}>
      <Icon of={icon ?? ICONS[tone === "live" ? "quiet" : tone]} />
      {children}
    </span>
  );
}

/** A status with progress in percent. */
export function Underway({
  percent,
  title,
  children,
}: {
  percent: number;
  title?: string;
  children: ReactNode;
}) {
  return (
    <span className={cx(s.status, s.live)} title={title}>
      <svg className={s.ring} viewBox="0 0 16 16" aria-hidden="true">
        <circle cx="8" cy="8" r="6.5" pathLength="100" />
        <circle
          cx="8"
          cy="8"
          r="6.5"
          pathLength="100"
          style={{ "--p": percent } as CSSProperties}
        />
      </svg>
      {children}
    </span>
  );
}

/** Durability of an image. */
export function Durability({ of }: { of: Schemas["ShownDurability"] }) {
  const words = text.shared.durability;
  if (of.failed) {
    return (
      <Status tone="bad" title={words.failedHint}>
        {words.failed}
      </Status>
    );
  }
  switch (of.state) {
    case "verified":
      return (
        <Status tone="ok" icon={ShieldCheck} title={words.verifiedHint}>
          {words.verified}
        </Status>
      );
    case "on_sftp":
      return (
        <Status tone="ok" title={words.on_sftpHint}>
          {words.on_sftp}
        </Status>
      );
    case "damaged":
      return (
        <Status tone="bad" title={words.damagedHint}>
          {words.damaged}
        </Status>
      );
    case "uploading":
      return (
        <Underway percent={of.percent} title={words.uploadingHint}>
          {words.uploading(of.percent)}
        </Underway>
      );
    default:
      return (
        <Status tone="warn" icon={HardDrive} title={words.stagedHint}>
          {words.staged}
        </Status>
      );
  }
}

export const Retrying = ({ children }: { children: ReactNode }) => (
  <Status tone="warn" icon={RotateCw}>
    {children}
  </Status>
);

type ChipProps = { tone?: Tone; title?: string; children: ReactNode };
export const Chip = ({ tone = "quiet", title, children }: ChipProps) => (
  <span className={cx(s.chip, tone !== "quiet" && s.tinted, s[tone])} title={title}>
    {children}
  </span>
);
