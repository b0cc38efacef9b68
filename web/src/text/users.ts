/** See `Text`. */
export const users = {};
