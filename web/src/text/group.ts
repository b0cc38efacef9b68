/** See `Text`. */
export const group = {};
