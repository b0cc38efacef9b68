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
      ? "No image goes: each has another tag."
      : `${counted(n, "image")} ${n === 1 ? "goes" : "go"}.`,
  alsoTagged: (tags: string) => `The same images are also called ${tags}: these stay.`,
  alsoDelete: (tags: string) => `Delete ${tags} too`,
  alsoDeleteHint: "The same image. Without it, nothing of that image is freed.",
  keptHere: (n: number) => `${bytes(n)} stay for other images of this repository.`,
  keptShared: (n: number, repos: string) => `${bytes(n)} stay for ${repos}.`,
  otherRepositories: "other repositories",
  pullsFail: "Pulls of what goes fail at once. Running containers go on.",
  freedAfter: (time: string) =>
    `The bytes are collected a day later, lie in the trash for another, and are free after ${time}.`,
  snapshots: "Where the storage has snapshots, they are free when these have expired.",
  missing: (tags: string) => `Already gone: ${tags}.`,
  confirmTags: (n: number) => `Delete ${counted(n, "tag")}`,
  confirmRepository: "Delete the repository",
  confirmImage: "Delete the image",
  doneTags: (n: number, frees: number) =>
    `${counted(n, "tag")} deleted. ${frees > 0 ? `${bytes(frees)} are freed when garbage is collected.` : "Nothing is freed by it."}`,
  doneRepository: (repo: string) => `${repo} is deleted`,
  doneImage: "The image is deleted",
};
