import { expect, test } from "bun:test";
import { SqliteStore } from "../store/sqlite.ts";
import { networkOf, Throttle } from "./throttle.ts";
import { SqliteThrottleStore, throttleMigrations } from "./throttle-store.sqlite.ts";

const MINUTE_MS = 60_000;

function newWorld() {
  const world = { nowMs: 1_000_000 };
  const store = new SqliteThrottleStore(new SqliteStore(":memory:", throttleMigrations));
  const throttle = new Throttle(store, () => world.nowMs);
  const attempt = (account: string | undefined, address: string | undefined) =>
    throttle.begin({ what: "password", account, address }).then(
      () => 0,
      (error) => error.retryAfterSeconds as number,
    );
  return { world, throttle, attempt };
}

test("an account has five free tries; after that it waits longer each time, and never longer than a quarter of an hour", async () => {
  const { world, attempt } = newWorld();
  for (let i = 0; i < 5; i++) expect(await attempt("anna", `10.0.0.${i}`)).toBe(0);
  const waits: number[] = [];
  for (let i = 0; i < 12; i++) {
    const wait = await attempt("anna", `10.0.1.${i}`);
    waits.push(wait);
    world.nowMs += wait * 1_000;
    expect(await attempt("anna", `10.0.2.${i}`)).toBe(0);
  }
  expect(waits).toEqual([2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900]);
  expect(await attempt("ben", "10.0.3.1")).toBe(0);
  world.nowMs += 61 * MINUTE_MS;
  for (let i = 0; i < 5; i++) expect(await attempt("anna", `10.0.0.${i}`)).toBe(0);
});

test("an address has twenty free tries, whatever accounts they are for, and cannot use up those of an account after that", async () => {
  const { world, attempt } = newWorld();
  for (let i = 0; i < 20; i++) expect(await attempt(`person${i}`, "10.0.0.1")).toBe(0);
  for (let i = 0; i < 20; i++) expect(await attempt("anna", "10.0.0.1")).toBe(2);
  for (let i = 0; i < 5; i++) expect(await attempt("anna", "10.0.0.2")).toBe(0);
  world.nowMs += 2_000;
  expect(await attempt("ben", "10.0.0.1")).toBe(0);
  expect(await attempt("ben", "10.0.0.1")).toBe(4);
});

test("many tries at the same time are no more than those one after another", async () => {
  const { attempt } = newWorld();
  const waits = await Promise.all(Array.from({ length: 50 }, (_, i) => attempt("anna", `10.0.0.${i}`)));
  expect(waits.filter((wait) => wait === 0)).toHaveLength(5);
});

test("a right secret makes the tries before it free again, but not those of its address", async () => {
  const { throttle, attempt } = newWorld();
  for (let i = 0; i < 4; i++) await attempt("anna", "10.0.0.1");
  const good = await throttle.begin({ what: "password", account: "anna", address: "10.0.0.1" });
  await good.succeeded();
  for (let i = 0; i < 5; i++) expect(await attempt("anna", "10.0.0.1")).toBe(0);
  for (let i = 0; i < 11; i++) expect(await attempt(`person${i}`, "10.0.0.1")).toBe(0);
  expect(await attempt("cleo", "10.0.0.1")).toBe(2);
});

test("strangers who guess cannot lock a person out where that person signed in before", async () => {
  const { throttle, attempt } = newWorld();
  const good = await throttle.begin({ what: "password", account: "anna", address: "10.0.0.1" });
  await good.succeeded();
  for (let i = 0; i < 10; i++) await attempt("anna", `10.9.9.${i}`);
  expect(await attempt("anna", "10.9.9.200")).toBeGreaterThan(0);
  expect(await attempt("anna", "10.0.0.1")).toBe(0);
});

test("a try without an account or an address counts for what it has, and each kind of secret has its own tries", async () => {
  const { throttle, attempt } = newWorld();
  for (let i = 0; i < 5; i++) expect(await attempt("anna", undefined)).toBe(0);
  expect(await attempt("anna", undefined)).toBe(2);
  for (let i = 0; i < 20; i++) expect(await attempt(undefined, "10.0.0.1")).toBe(0);
  expect(await attempt(undefined, "10.0.0.1")).toBe(2);
  await throttle.begin({ what: "code", account: "anna", address: "10.0.0.1" });
});

test("the addresses that one customer of a network has count as one", () => {
  expect(networkOf("10.0.0.1")).toBe("10.0.0.1");
  expect(networkOf("::ffff:10.0.0.1")).toBe("10.0.0.1");
  expect(networkOf("2001:DB8:1:2:3:4:5:6")).toBe("2001:db8:1:2::/64");
  expect(networkOf("2001:db8:1:2::9")).toBe("2001:db8:1:2::/64");
  expect(networkOf("2001:0db8:0001:0002:ffff::")).toBe("2001:db8:1:2::/64");
  expect(networkOf("2001:db8::1")).toBe("2001:db8:0:0::/64");
  expect(networkOf("fe80::1%eth0")).toBe("fe80:0:0:0::/64");
  expect(networkOf("::1")).toBe("0:0:0:0::/64");
});
