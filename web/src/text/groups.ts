/** See `Text`. */
export const groups = {};
