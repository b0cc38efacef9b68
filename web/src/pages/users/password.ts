/** Without those that look like others in some typeface. */
const LETTERS = "abcdefghjkmnpqrstuvwxyz23456789";

/** A password to hand over: easily read out, and not to be guessed (79 bits). */
export function newPassword() {
  const letters: string[] = [];
  while (letters.length < 16) {
    for (const byte of crypto.getRandomValues(new Uint8Array(32))) {
      // Else some letters would come more often than others.
      if (byte < 256 - (256 % LETTERS.length) && letters.length < 16) {
        letters.push(LETTERS.charAt(byte % LETTERS.length));
      }
    }
  }
  return letters.join("").replace(/(.{4})(?=.)/g, "$1-");
}
