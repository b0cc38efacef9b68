import { shortDigest } from "../../text/format";

/** A tag as it is; a digest by its beginning. */
export const nameOf = (reference: string) =>
  reference.includes(":") ? shortDigest(reference) : reference;
