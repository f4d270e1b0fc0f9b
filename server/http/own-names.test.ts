import { expect, test } from "bun:test";
import { OwnNames } from "./own-names.ts";

const namesOf = (host: string, allowedHosts: string[] = [], port = 7070) =>
  new OwnNames({
    host,
    port,
    allowedHosts,
    publicUrls: ["https://public.example.org/x"],
    hostname: "Box.lan",
  });

/** Those of these `Host` headers that the server accepts. */
function taken(names: OwnNames, hosts: string[]): string[] {
  return hosts.filter((host) => isTaken(names, { host }));
}

function isTaken(names: OwnNames, headers: Record<string, string>): boolean {
  try {
    names.check(new Headers(headers));
    return true;
  } catch {
    return false;
  }
}

const loopback = [
  "127.0.0.1:7070",
  "localhost:7070",
  "LOCALHOST:7070",
  "localhost.:7070",
  "[::1]:7070",
  "127.9.9.9:7070",
  "[0:0:0:0:0:0:0:1]:7070",
  "[::ffff:127.0.0.1]:7070",
];
const foreign = [
  "evil.example:7070",
  "evil.example",
  "127.0.0.1.evil.example:7070",
  "localhost.evil.example:7070",
];
const malformed = [
  "",
  ":7070",
  "[::1:7070",
  "::1",
  "a b:7070",
  "x@127.0.0.1:7070",
  "127.0.0.1:7070, evil",
  "127.0.0.1:999999",
];

test("a server on loopback answers to loopback names with its port, and to nothing else", () => {
  for (const host of ["127.0.0.1", "::1", "[::1]", "localhost"]) {
    expect(taken(namesOf(host), loopback)).toEqual(loopback);
    const others = ["10.0.0.1:7070", "box.lan:7070", "box:7070", "0.0.0.0:7070", "[2001:db8::1]:7070"];
    const otherPorts = ["127.0.0.1", "127.0.0.1:7071", "localhost:80", "[::1]"];
    expect(taken(namesOf(host), [...foreign, ...malformed, ...others, ...otherPorts])).toEqual([]);
  }
});

test("a server on port 80 is reached by its name without the port", () => {
  expect(taken(namesOf("127.0.0.1", [], 80), ["127.0.0.1", "localhost", "[::1]"])).toHaveLength(3);
});

test("a server that others can reach answers to any address and to its machine's names, and to no other name", () => {
  for (const host of ["0.0.0.0", "::", "192.168.1.5", "box"]) {
    const good = [
      ...loopback,
      "192.168.1.5:7070",
      "[2001:db8::1]:9000",
      "box:7070",
      "BOX.lan:7070",
      "box.local",
    ];
    expect(taken(namesOf(host), good)).toEqual(good);
    expect(taken(namesOf(host), [...foreign, ...malformed])).toEqual([]);
  }
  expect(taken(namesOf("compute.example.org"), ["compute.example.org:7070"])).toHaveLength(1);
});

test("allowed names are accepted too: with any port, with their own port, or below a domain", () => {
  const names = namesOf("127.0.0.1", ["compute.example.org", "tunnel:9000", "*.apps.example.org"]);
  const good = [
    "compute.example.org",
    "public.example.org",
    "Compute.Example.org:8443",
    "tunnel:9000",
    "a.apps.example.org",
    "a.b.apps.example.org:1",
  ];
  expect(taken(names, good)).toEqual(good);
  const bad = ["tunnel", "tunnel:9001", "apps.example.org", "xapps.example.org", "compute.example.org.evil"];
  expect(taken(names, bad)).toEqual([]);
});

test("only pages of the server's own origin may send requests", () => {
  const names = namesOf("127.0.0.1");
  const from = (origin: string, host = "127.0.0.1:7070") => isTaken(names, { host, origin });
  expect(from("http://127.0.0.1:7070")).toBe(true);
  const bad = [
    "null",
    "",
    "http://evil.example",
    "http://127.0.0.1",
    "http://127.0.0.1:3000",
    "http://localhost:7070",
  ];
  for (const origin of [...bad, "file://", "chrome-extension://abc", "http://127.0.0.1:7070/x"]) {
    expect({ origin, taken: from(origin) }).toEqual({ origin, taken: false });
  }
  const open = namesOf("0.0.0.0", ["compute.example.org"]);
  const behindProxy = { host: "compute.example.org", origin: "https://compute.example.org" };
  expect(isTaken(open, behindProxy)).toBe(true);
  // Any address is accepted as a Host, but not as the origin of a page.
  expect(isTaken(open, { host: "10.0.0.1:7070", origin: "http://10.0.0.2:7070" })).toBe(false);
});

test("a page of another site may not send requests without an Origin header either", () => {
  const host = "127.0.0.1:7070";
  for (const site of ["cross-site", "same-site"]) {
    expect(isTaken(namesOf("127.0.0.1"), { host, "sec-fetch-site": site })).toBe(false);
  }
  for (const site of ["same-origin", "none"]) {
    expect(isTaken(namesOf("127.0.0.1"), { host, "sec-fetch-site": site })).toBe(true);
  }
});

test("a link on another site may lead to a page, in a window of its own; scripts, frames and the API stay closed", () => {
  const names = namesOf("127.0.0.1");
  const visit = { host: "127.0.0.1:7070", "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate" };
  const check = (headers: Record<string, string>, isVisit: boolean) => () =>
    names.check(new Headers(headers), isVisit);
  expect(check({ ...visit, "sec-fetch-dest": "document" }, true)).not.toThrow();
  for (const headers of [
    { ...visit, "sec-fetch-dest": "iframe" },
    { ...visit, "sec-fetch-dest": "empty", "sec-fetch-mode": "cors" },
    { ...visit, "sec-fetch-dest": "document", origin: "https://evil.example" },
    { ...visit, "sec-fetch-dest": "document", origin: "null" },
    { ...visit, "sec-fetch-dest": "document", host: "evil.example:7070" },
  ]) {
    expect(check(headers, true)).toThrow("server");
  }
  expect(check({ ...visit, "sec-fetch-dest": "document" }, false)).toThrow("another site");
});
