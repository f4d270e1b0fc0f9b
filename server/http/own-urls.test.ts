import { expect, test } from "bun:test";
import { OwnUrls } from "./own-urls.ts";

test("a browser knows the server by the name that it asked for, and through a proxy by the public URL", () => {
  const urls = new OwnUrls("127.0.0.1", ["https://compute.example.org/x"]);
  const from = (url: string) => new Request(url);
  expect(urls.originOf(from("http://127.0.0.1:7070/sign-in"))).toBe("http://127.0.0.1:7070");
  expect(urls.originOf(from("http://compute.example.org/sign-in"))).toBe("https://compute.example.org");
  const own = (origin: string, url: string) => urls.isOwnOrigin(origin, from(url));
  expect(own("https://compute.example.org", "http://compute.example.org/")).toBe(true);
  expect(own("https://compute.example.org", "http://127.0.0.1:7070/")).toBe(true);
  expect(own("http://127.0.0.1:7070", "http://127.0.0.1:7070/")).toBe(true);
  expect(own("http://localhost:7070", "http://127.0.0.1:7070/")).toBe(false);
  expect(own("https://evil.example", "http://compute.example.org/")).toBe(false);
});
