import type { Schemas } from "../../api/client";

export type Line = {
  kind: "entrypoint" | "cmd" | "user" | "workingDir" | "env" | "labels";
  is: "gone" | "new";
  words: string;
};

const quoted = (words: string[]) =>
  words.map((it) => (/^[\w./:=@%+,-]+$/.test(it) ? it : JSON.stringify(it))).join(" ");

/** What differs in two configurations, line by line: what was, then what is. */
export function linesOf(diff: Schemas["Diff"]): Line[] {
  const pair = (
    kind: Line["kind"],
    from: string | null | undefined,
    into: string | null | undefined,
  ) => {
    const lines: Line[] = [];
    if (from) lines.push({ kind, is: "gone", words: from });
    if (into) lines.push({ kind, is: "new", words: into });
    return lines;
  };
  const changed = (kind: Line["kind"], it: Schemas["Words"]) =>
    it.changed ? pair(kind, quoted(it.from), quoted(it.to)) : [];
  const named = (kind: Line["kind"], all: Record<string, Schemas["Changed"]>) =>
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
