import { shortDigest } from "../../text/format";

/** A tag, or a short digest. */
export const nameOf = (reference: string) =>
  reference.includes(":") ? shortDigest(reference) : reference;
