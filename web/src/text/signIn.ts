/** See `Text`. */
export const signIn = {};
