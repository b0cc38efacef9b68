import { bytes, count, counted } from "./format";

/** What a deletion does, before it is done. */
export const removal = {
  titleTags: (n: number, tag: string) =>
    n === 1 ? `Delete ${tag} from` : `Delete ${count(n)} tags from`,
  titleRepository: "Delete the repository",
  titleImage: "Delete the image",
  looking: "Finding out what this frees…",
  frees: "Frees",
  keeps: "Keeps, used elsewhere",
  meter: (part: number, total: number) => `${bytes(part)} of ${bytes(total)} are freed`,
  images: (n: number) =>
    n === 0
      ? "No image goes: each has another name, or is part of one that stays."
      : `${counted(n, "manifest")} ${n === 1 ? "goes" : "go"}.`,
  alsoDelete: "Delete",
  sameImage: (n: number) => `too: ${n === 1 ? "it is the same image" : "they are the same images"}`,
  freesMore: (n: number) => (n > 0 ? `Would free ${bytes(n)} more` : "Would free nothing more"),
  fates: "What becomes of each image",
  tag: "Tag",
  fate: "Then",
  freesAlone: "Frees alone",
  fateOf: {
    removed: "image removed",
    staysAs: "image stays as",
    stays: "image stays in another",
    gone: "is gone already",
  },
  moreTags: (n: number) => `and ${counted(n, "more tag")}`,
  keptHere: (n: number) => `${bytes(n)} stay for other images of this repository.`,
  keptShared: (n: number, repos: string) => `${bytes(n)} stay for ${repos}.`,
  otherRepositories: "other repositories",
  pullsFail: "Pulls of what goes fail at once. Running containers go on.",
  freedAfter:
    "The bytes are collected a day later, lie in the trash for another, and are free after",
  snapshots: "Where the storage has snapshots, they are free when these have expired.",
  missing: (tags: string) => `Already gone: ${tags}.`,
  withTags: "These tags go with it:",
  confirmTags: (n: number) => `Delete ${counted(n, "tag")}`,
  confirmRepository: "Delete the repository",
  confirmImage: "Delete the image",
  doneTags: (n: number, frees: number) =>
    `${counted(n, "tag")} deleted. ${frees > 0 ? `${bytes(frees)} are freed when garbage is collected.` : "Nothing is freed by it."}`,
  doneRepository: (repo: string) => `${repo} is deleted`,
  doneImage: "The image is deleted",
};
