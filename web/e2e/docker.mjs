// The docker daemon of the test that started this script.
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { lab } from "./browser.mjs";

const run = promisify(execFile);

export const docker = async (...words) => (await run("docker", words)).stdout.trim();

/** The registry's host in image names. */
export const host = () => new URL(lab.url).host;

export function login(user, password) {
  const child = run("docker", ["login", "--username", user, "--password-stdin", host()]);
  child.child.stdin.end(password);
  return child;
}

/** Builds an image with one layer of random bytes. */
export async function makeImage(name, bytes, ...changes) {
  const script = `d=$(mktemp -d) && head -c ${bytes} /dev/urandom > $d/bytes && \
    tar -cC $d bytes | docker import ${changes.map((it) => `--change '${it}'`).join(" ")} - "$0"; rm -r $d`;
  await run("bash", ["-c", script, name]);
}

export const push = (name) => docker("push", "--quiet", name);
