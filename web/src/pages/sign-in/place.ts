/** Where one wanted to go, if that is a page of ours. */
export function nextPath(search: string) {
  const next = new URLSearchParams(search).get("next") ?? "/";
  try {
    const url = new URL(next, location.origin);
    // `//evil.example` is a path by its first character only.
    return url.origin === location.origin ? url.pathname + url.search : "/";
  } catch {
    return "/";
  }
}

/** Whether what is typed here can be read on its way. */
export const isPlain = ({ protocol, hostname }: { protocol: string; hostname: string }) =>
  protocol === "http:" && !/^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname);
