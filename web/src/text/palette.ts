/** See `Text`. */
export const palette = {};
