/** See `Text`. */
export const repository = {};
