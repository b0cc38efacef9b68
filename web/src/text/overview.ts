/** See `Text`. */
export const overview = {};
