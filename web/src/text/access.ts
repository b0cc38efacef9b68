import { count } from "./format";

/** Words of rights, and of secrets that stand for them. */
export const access = {
  right: { pull: "pull", push: "push", delete: "delete", manage: "manage" },
  rightHint: {
    pull: "See and download images",
    push: "Upload images and set tags",
    delete: "Delete tags and images",
    manage: "All of the above; on a whole group also its repositories, robots and rights",
  },
  rights: "Rights",
  implied: "Any right brings pull along; manage brings all.",
  all: "all that you may",
  allHint: "All that you may, now and later",
  some: "Only some of it",
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
    day: "On a day",
    after: { 7: "In 7 days", 30: "In 30 days", 90: "In 90 days", 365: "In a year" },
  },
  lastDay: "Last day",
  in: (time: string) => `in ${time}`,
  ended: "Ended",
  shownOnce: "Copy it now. It is not shown again, and only its hash is kept.",
  copySecret: "Copy the secret",
  pasted: "Docker asks for a password: paste it there.",
  plainHttp:
    "This registry has no HTTPS, which Docker refuses at first. Put this into /etc/docker/daemon.json and restart Docker:",
  done: "Done",
};
