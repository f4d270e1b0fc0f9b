import { expect, test } from "bun:test";
import { proxyFor } from "./proxy.ts";

const proxy = "http://proxy.example:3128";

test("the proxy of a URL's scheme is used, whichever way its variable is written", () => {
  expect(proxyFor("https://a.example", { HTTPS_PROXY: proxy })).toBe(proxy);
  expect(proxyFor("https://a.example", { https_proxy: proxy })).toBe(proxy);
  expect(proxyFor("http://a.example", { HTTP_PROXY: proxy })).toBe(proxy);
  expect(proxyFor("http://a.example", { HTTPS_PROXY: proxy })).toBeUndefined();
  expect(proxyFor("https://a.example", { http_proxy: proxy, https_proxy: "" })).toBeUndefined();
});

test("a proxy without a scheme speaks HTTP", () => {
  expect(proxyFor("https://a.example", { HTTPS_PROXY: "proxy.example:3128" })).toBe(proxy);
});

test("hosts that NO_PROXY names, and this machine, are reached directly", () => {
  const through = (url: string, NO_PROXY: string) => proxyFor(url, { HTTPS_PROXY: proxy, NO_PROXY });
  expect(through("https://a.example", "b.example, a.example")).toBeUndefined();
  expect(through("https://x.a.example:8443", ".a.example")).toBeUndefined();
  expect(through("https://x.a.example", "a.example")).toBeUndefined();
  expect(through("https://a.example:8443", "a.example:8443")).toBeUndefined();
  expect(through("https://a.example", "a.example:8443")).toBe(proxy);
  expect(through("https://xa.example", "a.example")).toBe(proxy);
  expect(through("https://a.example", "*")).toBeUndefined();
  for (const here of ["https://127.0.0.1:7070", "https://[::1]:7070", "https://localhost"])
    expect(through(here, "")).toBeUndefined();
});
