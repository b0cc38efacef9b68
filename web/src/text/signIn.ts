import { duration } from "./format";

export const signIn = {
  title: "Sign in",
  heading: "Sign in to Refity",
  user: "User name",
  password: "Password",
  send: "Sign in",
  wrong: "User name or password is wrong.",
  wait: (seconds: number) => `Too many tries. Wait ${duration(seconds)}, then try again.`,
  plain: "This page came over plain HTTP.",
  plainHint: "Anyone on the way can read your password.",
  forgotten: "Forgotten? An administrator can set a new password. With a shell on the server:",
  command: (user: string) => `refity-gateway admin reset-password ${user}`,
  api: "The API",
  first: {
    title: "Choose a password",
    lead: "This account still has the password that it was given. Choose one of your own; all other sessions of it end.",
    current: "Current password",
    next: "New password",
    nextHint: "8 to 256 characters",
    again: "New password again",
    differs: "The two are not the same.",
    short: "8 characters at least.",
    same: "This is the current password.",
    send: "Change the password",
    signOut: "Sign out",
  },
};
