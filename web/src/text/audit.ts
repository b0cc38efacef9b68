/** See `Text`. */
export const audit = {};
