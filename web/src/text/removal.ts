import { bytes, count, counted } from "./format";

/** Texts of the preview of a deletion. */
export const removal = {
  titleTags: (n: number, tag: string) =>
    n === 1 ? `Delete ${tag} from` : `Delete ${count(n)} tags from`,
  titleRepository: "Delete repository",
  titleImage: "Delete image",
  looking: "Calculating what this frees…",
  frees: "Frees",
  keeps: "Still in use",
  meter: (part: number, total: number) => `Frees ${bytes(part)} of ${bytes(total)}`,
  images: (n: number) =>
    n === 0 ? "Removes only the names. The images stay." : `Deletes ${counted(n, "manifest")}.`,
  alsoDelete: "Also delete",
  sameImage: (n: number) => (n === 1 ? "(same image)" : "(same images)"),
  freesMore: (n: number) => (n > 0 ? `Frees ${bytes(n)} more` : "Frees nothing more"),
  effects: "Effect on each image",
  tag: "Tag",
  effect: "Result",
  freesAlone: "Frees",
  effectOf: {
    removed: "image deleted",
    staysAs: "image kept as",
    stays: "image kept, part of another",
    gone: "already deleted",
  },
  moreTags: (n: number) => `and ${counted(n, "more tag")}`,
  keptHere: (n: number) => `Keeps ${bytes(n)} used by other images of this repository.`,
  keptShared: (n: number, repos: string) => `Keeps ${bytes(n)} used by ${repos}.`,
  otherRepositories: "other repositories",
  pullsFail: "Pulls fail immediately. Running containers keep running.",
  freedAfter: "Space is freed by",
  snapshots: "Snapshots of the storage keep the data until they expire.",
  missing: (tags: string) => `Already deleted: ${tags}.`,
  withTags: "Also deletes these tags:",
  confirmTags: (n: number) => `Delete ${counted(n, "tag")}`,
  confirmRepository: "Delete repository",
  confirmImage: "Delete image",
  doneTags: (n: number, frees: number) =>
    `Deleted ${counted(n, "tag")}. ${frees > 0 ? `Frees ${bytes(frees)} after garbage collection.` : "Frees nothing."}`,
  doneRepository: (repo: string) => `Deleted ${repo}`,
  doneImage: "Deleted the image",
};
