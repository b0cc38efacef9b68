/** Without ambiguous characters. */
const LETTERS = "abcdefghjkmnpqrstuvwxyz23456789";

/** Generates a password that is easy to read out and hard to guess (79 bits). */
export function newPassword() {
  const letters: string[] = [];
  while (letters.length < 16) {
    for (const byte of crypto.getRandomValues(new Uint8Array(32))) {
      // Avoids modulo bias.
      if (byte < 256 - (256 % LETTERS.length) && letters.length < 16) {
        letters.push(LETTERS.charAt(byte % LETTERS.length));
      }
    }
  }
  return letters.join("").replace(/(.{4})(?=.)/g, "$1-");
}
