import { expect, it } from "vitest";
import { isPlain, nextPath } from "./place";

it.each([
  ["", "/"],
  ["?next=%2Fr%2Fteam%2Fapp%3Fq%3D1", "/r/team/app?q=1"],
  ["?next=https%3A%2F%2Fevil.example%2F", "/"],
  ["?next=%2F%2Fevil.example%2F", "/"],
  ["?next=%2F%5Cevil.example", "/"],
  ["?next=javascript%3Aalert(1)", "/"],
])("signing in at %j leads to %s", (search, path) => expect(nextPath(search)).toBe(path));

it.each([
  ["http:", "registry.example.com", true],
  ["http:", "192.168.1.5", true],
  ["http:", "localhost", false],
  ["http:", "127.0.0.1", false],
  ["http:", "[::1]", false],
  ["https:", "registry.example.com", false],
])("%s//%s can be read on its way: %s", (protocol, hostname, plain) =>
  expect(isPlain({ protocol, hostname })).toBe(plain),
);
