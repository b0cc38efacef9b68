import { text } from "../text";
import { copy } from "./copy";
import { say, warn } from "./Toast";

/** Copies from where nothing can be selected by hand instead, and says whether it did. */
export async function copyAndSay(what: string, said = text.shared.copied) {
  if (await copy(what)) say(said);
  else warn(text.shared.notCopied);
}
