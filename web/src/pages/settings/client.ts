/**
 * Product tokens in order of significance: Edge also claims to be Chrome, and Chrome to be Safari.
 */
const BROWSERS: [RegExp, string][] = [
  [/\bEdgA?\//, "Edge"],
  [/\bOPR\//, "Opera"],
  [/\bFirefox\/|\bFxiOS\//, "Firefox"],
  [/Chrome\/|\bCriOS\//, "Chrome"],
  [/\bSafari\//, "Safari"],
];
const SYSTEMS: [RegExp, string][] = [
  [/\bAndroid\b/, "Android"],
  [/\biPhone\b|\biPad\b/, "iOS"],
  [/\bWindows\b/, "Windows"],
  [/\bMac OS X\b/, "macOS"],
  [/\bCrOS\b/, "ChromeOS"],
  [/\bLinux\b|\bX11\b/, "Linux"],
];

const first = (names: [RegExp, string][], words: string) =>
  names.find(([pattern]) => pattern.test(words))?.[1];

/** Formats a `User-Agent`: `Firefox on Linux`, `docker 27.1`. */
export function clientName(agent: string): string {
  const browser = agent.startsWith("Mozilla/") && first(BROWSERS, agent);
  if (browser) {
    const system = first(SYSTEMS, agent);
    return system ? `${browser} on ${system}` : browser;
  }
  const [product = agent] = agent.split(" ");
  const [name = product, version] = product.split("/");
  return version ? `${name} ${version}` : name;
}
