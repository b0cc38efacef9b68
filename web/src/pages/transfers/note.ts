import { text } from "../../text";
import { rate } from "../../text/format";
import type { Push } from "./pushes";

const words = text.transfers;

/** Speed and remaining time of a push, or why it does not progress. */
export function noteOf(push: Push): { speed?: string; note?: string } {
  switch (push.state) {
    case "uploading":
      if (push.rate === 0) return {};
      return { speed: rate(push.rate), note: words.timeLeftOf(push.bytesLeft / push.rate) };
    case "retrying":
      return { note: words.attempt(push.attempt) };
    case "verifying":
      return { note: words.sizeAndHash };
    case "failed":
      return { note: words.needsPerson };
    default:
      return {};
  }
}
