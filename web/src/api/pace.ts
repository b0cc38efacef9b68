import type { Schemas } from "./client";

/** Refetch interval for an image that is being transferred, in milliseconds. */
const MOVING = 2_000;

/** Each step of a transfer is an event; progress in bytes is not. */
export const paceOf = (images: Schemas["ShownDurability"][] = []) =>
  images.some(({ state, failed }) => state === "uploading" && !failed) && MOVING;
