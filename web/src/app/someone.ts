import type { Me } from "./session";

const user = { id: 1, username: "heron", role: "user" } as const;

/** An account without rights, for tests. */
export const someone: Me = {
  ...user,
  user,
  must_change_password: false,
  admin: false,
  groups: [],
  repositories: [],
};
