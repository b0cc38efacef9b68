/** The page to return to, if it is one of ours. */
export function nextPath(search: string) {
  const next = new URLSearchParams(search).get("next") ?? "/";
  try {
    const url = new URL(next, location.origin);
    // `//evil.example` looks like a path but is another host.
    return url.origin === location.origin ? url.pathname + url.search : "/";
  } catch {
    return "/";
  }
}

/** Whether the connection is unencrypted. */
export const isPlain = ({ protocol, hostname }: { protocol: string; hostname: string }) =>
  protocol === "http:" && !/^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname);
