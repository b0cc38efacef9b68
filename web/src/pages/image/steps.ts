import type { Schemas } from "../../api/client";

/**
 * Build steps of an image, latest first, with the size of the layer of each step; null if the
 * history does not match the layers.
 */
export function stepsOf({ history, layers }: Pick<Schemas["Image"], "history" | "layers">) {
  const makeLayers = history.filter((step) => !step.empty_layer).length;
  let next = 0;
  return history
    .map((step, number) => {
      if (step.empty_layer) return { number, step, size: 0 };
      const size = makeLayers === layers.length ? (layers[next]?.size ?? null) : null;
      next += 1;
      return { number, step, size };
    })
    .reverse();
}
