import type { Schemas } from "./client";

/** How often an image whose bytes are on their way is asked for, in milliseconds. */
const MOVING = 2_000;

/** Each step of a transfer comes as an event; the bytes in between do not. */
export const paceOf = (images: Schemas["ShownDurability"][] = []) =>
  images.some(({ state, failed }) => state === "uploading" && !failed) && MOVING;
