import type { Schemas } from "../../api/client";

export type Kind = "entrypoint" | "cmd" | "user" | "workingDir" | "env" | "labels";
export type Line = { kind: Kind; is: "gone" | "new" | "same"; words: string };
type Config = Schemas["ShownConfig"];

const quoted = (words: string[]) =>
  words.map((it) => (/^[\w./:=@%+,-]+$/.test(it) ? it : JSON.stringify(it))).join(" ");

/** Differences of two configs, line by line: old, then new. */
export function linesOf(diff: Schemas["Diff"]): Line[] {
  const pair = (kind: Kind, from: string | null | undefined, into: string | null | undefined) => {
    const lines: Line[] = [];
    if (from) lines.push({ kind, is: "gone", words: from });
    if (into) lines.push({ kind, is: "new", words: into });
    return lines;
  };
  const changed = (kind: Kind, it: Schemas["ArgumentsDiff"]) =>
    it.changed ? pair(kind, quoted(it.from), quoted(it.to)) : [];
  const named = (kind: Kind, all: Record<string, Schemas["Changed"]>) =>
    Object.entries(all).flatMap(([name, { from, to }]) =>
      pair(
        kind,
        from === null || from === undefined ? null : `${name}=${from}`,
        to === null || to === undefined ? null : `${name}=${to}`,
      ),
    );
  return [
    ...changed("entrypoint", diff.entrypoint),
    ...changed("cmd", diff.cmd),
    ...(diff.user.from === diff.user.to ? [] : pair("user", diff.user.from, diff.user.to)),
    ...(diff.working_dir.from === diff.working_dir.to
      ? []
      : pair("workingDir", diff.working_dir.from, diff.working_dir.to)),
    ...named("env", diff.env),
    ...named("labels", diff.labels),
  ];
}

/** Number of settings that differ; a changed value is two lines. */
export function countOf(diff: Schemas["Diff"]) {
  const alone = [
    diff.entrypoint.changed,
    diff.cmd.changed,
    diff.user.from !== diff.user.to,
    diff.working_dir.from !== diff.working_dir.to,
  ].filter(Boolean).length;
  return alone + Object.keys(diff.env).length + Object.keys(diff.labels).length;
}

/** Settings that are equal in both. */
export function sameOf(diff: Schemas["Diff"], config: Config): Line[] {
  const differ = new Set(
    linesOf(diff)
      .filter(({ is }) => is === "new")
      .map(({ kind, words }) => kind + words),
  );
  const all: [Kind, string | null | undefined][] = [
    ["entrypoint", quoted(config.entrypoint)],
    ["cmd", quoted(config.cmd)],
    ["user", config.user],
    ["workingDir", config.working_dir],
    ...config.env.map((line): [Kind, string] => ["env", line]),
    ...Object.entries(config.labels as Record<string, string>).map(
      ([name, value]): [Kind, string] => ["labels", `${name}=${value}`],
    ),
  ];
  return all.flatMap(([kind, words]) =>
    words && !differ.has(kind + words) ? [{ kind, is: "same" as const, words }] : [],
  );
}
