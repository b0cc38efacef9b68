import { expect, test } from "vitest";
import { clientName } from "./client";

test("browsers are called by their names, though each claims to be another", () => {
  const chrome = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36";
  expect(clientName(`Mozilla/5.0 (X11; Linux x86_64) ${chrome}`)).toBe("Chrome on Linux");
  expect(clientName(`Mozilla/5.0 (Windows NT 10.0; Win64; x64) ${chrome} Edg/141.0`)).toBe(
    "Edge on Windows",
  );
  expect(clientName("Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:144.0) Firefox/144.0")).toBe(
    "Firefox on macOS",
  );
  expect(
    clientName("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1"),
  ).toBe("Safari on iOS");
});

test("programs are called what they call themselves", () => {
  expect(clientName("curl/7.88.1")).toBe("curl 7.88.1");
  expect(clientName("docker/27.1 go/go1.22 kernel/6.1")).toBe("docker 27.1");
  expect(clientName("script")).toBe("script");
  expect(clientName("Mozilla/5.0")).toBe("Mozilla 5.0");
});
