import { text } from "../text";
import { copy } from "./copy";
import { say, warn } from "./Toast";

/** Copies text that cannot be selected manually, and shows whether it worked. */
export async function copyAndSay(what: string, said = text.shared.copied) {
  if (await copy(what)) say(said);
  else warn(text.shared.notCopied);
}
