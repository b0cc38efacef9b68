import { Bug, RotateCw } from "lucide-react";
import { Component, type ReactNode } from "react";
import { Button } from "../parts/Button";
import { Empty } from "../parts/Notice";
import { Mono } from "../parts/Text";
import { text } from "../text";

/** Error boundary of a page. */
export class Broken extends Component<{ children: ReactNode }, { error: Error | null }> {
  override state = { error: null };

  static getDerivedStateFromError(error: Error) {
    return { error };
  }

  override render() {
    const { error } = this.state as { error: Error | null };
    if (!error) return this.props.children;
    return (
      <Empty
        icon={Bug}
        title={text.shared.broken}
        actions={
          <Button icon={RotateCw} onClick={() => location.reload()}>
            {text.shared.reload}
          </Button>
        }
      >
        <span>{text.shared.brokenHint}</span>
        <Mono>{String(error)}</Mono>
      </Empty>
    );
  }
}
