import type { UseQueryResult } from "@tanstack/react-query";
import { FolderX, Lock, RotateCw, TriangleAlert } from "lucide-react";
import { type ReactNode, useEffect, useState } from "react";
import type { Problem } from "../api/problem";
import { text } from "../text";
import { timeOfDay } from "../text/format";
import { Button } from "./Button";
import { cx } from "./class";
import s from "./Loaded.module.css";
import { Empty, Notice } from "./Notice";
import { ForReaders, Muted } from "./Text";

type LoadedProps<T> = {
  query: UseQueryResult<T, Problem>;
  /** Number of skeleton lines while loading. */
  lines?: number;
  /** Text and action if the resource does not exist. */
  missing?: ReactNode;
  children: (data: T) => ReactNode;
};

/** Renders data, or its loading, denied, missing or stale state. */
export function Loaded<T>({ query, lines = 4, missing, children }: LoadedProps<T>) {
  const { data, error, refetch, isFetching, dataUpdatedAt } = query;
  const retry = (
    <Button small icon={RotateCw} busy={isFetching} onClick={() => refetch()}>
      {text.shared.retry}
    </Button>
  );
  if (error?.status === 404 && missing) return missing;
  if (error?.status === 404 && data === undefined) {
    return <Empty icon={FolderX} title={error.message} />;
  }
  if (error && data === undefined) {
    return (
      <div className={s.refused}>
        <Refused problem={error} retry={retry} />
      </div>
    );
  }
  if (data === undefined) return <Skeleton lines={lines} />;
  return (
    <>
      {error && (
        <div className={s.refused}>
          <Notice tone="bad" icon={TriangleAlert} title={text.shared.stale} actions={retry} live>
            {text.shared.asOf(timeOfDay(dataUpdatedAt))} {error.message}{" "}
            {error.requestId && <Muted>{text.shared.request(error.requestId)}</Muted>}
          </Notice>
        </div>
      )}
      {children(data)}
    </>
  );
}

function Refused({ problem, retry }: { problem: Problem; retry: ReactNode }) {
  if (problem.status === 403) {
    return (
      <Notice icon={Lock} title={text.shared.forbidden} live>
        {problem.message} {problem.hint ?? text.shared.whoCan}
      </Notice>
    );
  }
  return (
    <Notice tone="bad" icon={TriangleAlert} title={text.shared.failed} actions={retry} live>
      <ProblemWords problem={problem} />
    </Notice>
  );
}

/** The error, the remedy, and the request id for the log. */
export function ProblemWords({ problem }: { problem: Problem }) {
  return (
    <>
      {problem.message} {problem.hint} {problem.retryAfter && text.shared.wait(problem.retryAfter)}{" "}
      {problem.requestId && <Muted>{text.shared.request(problem.requestId)}</Muted>}
    </>
  );
}

/** The error of a mutation, next to its button. */
export const Failure = ({ problem }: { problem: Problem | null | undefined }) =>
  problem ? (
    <Notice tone="bad" title={problem.message} live>
      {problem.hint} {problem.retryAfter && text.shared.wait(problem.retryAfter)}{" "}
      {problem.requestId && <Muted>{text.shared.request(problem.requestId)}</Muted>}
    </Notice>
  ) : null;

/** A placeholder while loading, delayed to avoid flicker. */
export function Skeleton({ lines }: { lines: number }) {
  const [late, setLate] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setLate(true), 150);
    return () => clearTimeout(timer);
  }, []);
  return (
    <div className={cx(s.skeleton, late && s.late)} aria-busy="true">
      <ForReaders>{text.shared.loading}</ForReaders>
      {Array.from({ length: lines }, (_, line) => (
        <i key={line} />
      ))}
    </div>
  );
}
