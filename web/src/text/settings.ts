import { counted } from "./format";

/** See `Text`. */
export const settings = {
  title: "Settings",
  lead: (name: string, role: string) => `Signed in as ${name}, ${role}.`,
  role: { admin: "administrator", user: "member" },

  tokens: {
    title: "Tokens",
    note: "Passwords for programs, in your name",
    make: "New token",
    name: "Name",
    nameHint: "What you call it: laptop, build server",
    may: "May",
    lastUsed: "Last used",
    from: (address: string) => `from ${address}`,
    expires: "Expires",
    filter: "Filter tokens",
    what: "token",
    none: "No tokens yet",
    noneHint: "Use one instead of your password for docker login, scripts and the API.",
    reach: "What it may do",
    makeIt: "Create",
    made: (name: string) => `Token for ${name}`,
    madeToast: (name: string) => `Token ${name} created. Copy its secret now.`,
    revoke: "Revoke the token",
    revokeIt: (name: string) => `Revoke ${name}`,
    revokeTitle: (name: string) => `Revoke ${name}?`,
    revokeEffect: "What signs in with it is refused from its next request on, on every gateway.",
    revoked: (name: string) => `Token ${name} revoked`,
    actions: "Revoke",
  },

  sessions: {
    title: "Sessions",
    note: "Where you are signed in",
    client: "Client",
    from: "From",
    opened: "Opened",
    lastUsed: "Last used",
    here: "this one",
    unknown: "A client without a name",
    kind: { browser: "browser", api: "API", refresh: "docker login" },
    end: "End",
    endIt: (client: string, from: string) => `End the session of ${client} ${from}`,
    ended: "Session ended",
    endOthers: "End all others",
    endOthersTitle: "End all other sessions?",
    endOthersEffect:
      "Browsers and programs that signed in with your password are signed out at once. Tokens stay, and so does this session.",
    endedOthers: (n: number) => `${counted(n, "session")} ended`,
  },

  password: {
    title: "Password",
    current: "Current password",
    next: "New password",
    again: "New password again",
    hint: "8 to 256 characters",
    short: "Give at least 8 characters",
    wrong: "This is not your password",
    differs: "These two are not the same",
    effect: "All your other sessions end. Tokens stay.",
    change: "Change the password",
    changed: "Password changed. All your other sessions have ended.",
  },

  look: {
    title: "Appearance",
    theme: "Theme",
    themes: { system: "System", light: "Light", dark: "Dark" },
    themeHint: "Kept in this browser.",
    language: "Language",
    english: "English",
    languageHint:
      "There is no other language yet. Numbers and dates follow your browser's language.",
  },
};
