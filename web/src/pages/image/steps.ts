import type { Schemas } from "../../api/client";

/**
 * The steps by which an image was made, the last first, each with the bytes of
 * the layer that it made; null: that is not known, since the history does not
 * tell of as many layers as there are.
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
