/** See `Text`. */
export const settings = {};
