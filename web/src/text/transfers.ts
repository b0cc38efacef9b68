/** See `Text`. */
export const transfers = {};
