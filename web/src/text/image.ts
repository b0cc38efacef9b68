/** See `Text`. */
export const image = {};
