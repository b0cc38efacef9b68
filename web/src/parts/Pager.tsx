import { ChevronLeft, ChevronRight } from "lucide-react";
import { text } from "../text";
import { Button } from "./Button";
import { PanelFoot } from "./Panel";
import type { List } from "./useList";

type PageOfRows = {
  items: unknown[];
  total: number;
  next_cursor?: string | null;
  prev_cursor?: string | null;
};

/**
 * Number of rows and page buttons. Pages use cursors, so the last of 100,000 rows is as fast as the
 * first.
 */
export function Pager({ list, page }: { list: List; page: PageOfRows }) {
  const { next_cursor: next, prev_cursor: prev, items, total } = page;
  return (
    <PanelFoot
      end={
        (next || prev) && (
          <>
            <Button small icon={ChevronLeft} disabled={!prev} onClick={() => list.turn(prev)}>
              {text.shared.before}
            </Button>
            <Button small disabled={!next} onClick={() => list.turn(next)}>
              {text.shared.after}
              <ChevronRight size={16} strokeWidth={1.75} aria-hidden="true" />
            </Button>
          </>
        )
      }
    >
      {text.shared.rowsOf(items.length, total)}
    </PanelFoot>
  );
}
