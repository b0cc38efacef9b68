/** See `Text`. */
export const storage = {};
