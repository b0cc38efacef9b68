/** Joins class names, skipping falsy ones. */
export const cx = (...names: (string | false | undefined | null)[]) =>
  names.filter(Boolean).join(" ") || undefined;
