import { duration } from "./format";

export const signIn = {
  title: "Sign in",
  heading: "Sign in to Refity",
  user: "User name",
  password: "Password",
  send: "Sign in",
  wrong: "Wrong user name or password.",
  wait: (seconds: number) => `Too many attempts. Try again in ${duration(seconds)}.`,
  plain: "This page uses plain HTTP.",
  plainHint: "Others on the network can read your password.",
  forgotten: "Forgot your password? Ask an administrator to reset it, or run on the server:",
  command: (user: string) => `refity-gateway admin reset-password ${user}`,
  api: "API",
  first: {
    title: "Choose a password",
    lead: "Choose a new password. Other sessions will be signed out.",
    current: "Current password",
    next: "New password",
    nextHint: "8 to 256 characters",
    again: "Repeat new password",
    differs: "The passwords differ.",
    short: "Use at least 8 characters.",
    same: "Use a password that differs from the current one.",
    send: "Change password",
    signOut: "Sign out",
  },
};
