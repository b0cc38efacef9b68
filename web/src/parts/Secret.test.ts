import { expect, test } from "vitest";
import { isLoopback } from "./Secret";

test("only this machine itself is reached without more ado over plain HTTP", () => {
  for (const host of ["localhost", "localhost:5000", "127.0.0.1:5000", "127.1.2.3", "[::1]:5000"])
    expect(isLoopback(host), host).toBe(true);
  for (const host of ["registry.lan:5000", "127.example.com", "10.0.0.1", "localhost.example.com"])
    expect(isLoopback(host), host).toBe(false);
});
