/** Paths of pages. `-` cannot be a component of a repository name. */
export const to = {
  overview: "/",
  groups: "/groups",
  group: (group: string) => `/g/${group}`,
  repository: (repo: string) => `/r/${repo}`,
  tag: (repo: string, tag: string) => `/r/${repo}/-/t/${tag}`,
  digest: (repo: string, digest: string) => `/r/${repo}/-/d/${digest}`,
  diff: (repo: string, from: string, into: string) =>
    `/r/${repo}/-/diff?${new URLSearchParams({ from, to: into })}`,
  transfers: "/transfers",
  transfersOf: (repo: string) => `/transfers?${new URLSearchParams({ repo })}`,
  storage: "/storage",
  users: "/users",
  settings: "/settings",
  audit: "/audit",
  login: "/login",
};

export const groupOf = (repo: string) => repo.split("/")[0] ?? repo;
