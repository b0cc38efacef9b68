import { count } from "./format";

/** Texts about rights and the secrets that grant them. */
export const access = {
  right: { pull: "pull", push: "push", delete: "delete", manage: "manage" },
  rightHint: {
    pull: "See and download images",
    push: "Upload images and set tags",
    delete: "Delete tags and images",
    manage: "All of the above; on a group also its repositories, robots and access",
  },
  rights: "Rights",
  implied: "Every right includes pull; manage includes all.",
  all: "all your rights",
  allHint: "Full access (yours, including future rights)",
  some: "Selected repositories",
  every: "all groups",
  more: (n: number) => `${count(n)} more`,
  place: "Repositories",
  placeHint: (example: string) => `${example}/* for a group, ${example}/app for one repository`,
  placeName: (n: number) => `Repositories ${n}`,
  rightOn: (right: string, place: string) => `${right} on ${place || "these repositories"}`,
  add: "Add repositories",
  remove: (place: string) => `Remove ${place || "these repositories"}`,
  expires: "Expires",
  expiry: {
    never: "Never",
    day: "On a date",
    after: { 7: "In 7 days", 30: "In 30 days", 90: "In 90 days", 365: "In a year" },
  },
  lastDay: "Last day",
  in: (time: string) => `in ${time}`,
  ended: "Expired",
  shownOnce: "Copy the secret now. It cannot be shown again.",
  copySecret: "Copy secret",
  pasted: "Paste the secret when Docker asks for a password.",
  plainHttp:
    "This registry uses plain HTTP. Allow it in /etc/docker/daemon.json, then restart Docker:",
  done: "Done",
};
