export const palette = {
  title: "Search",
  label: "Search repositories, tags and pages",
  hint: "Type a name",
  none: (q: string) => `No results for “${q}”`,
  group: "group",
  repository: "repository",
  tag: "tag",
  page: "page",
};
