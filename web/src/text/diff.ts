/** See `Text`. */
export const diff = {};
