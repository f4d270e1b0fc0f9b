import { expect, test } from "bun:test";
import { resolveOptions } from "../../shared/config/options.ts";
import { serverFile, serverOptions, serverSettings } from "./options.ts";

const resolve = (flags: Record<string, unknown>, env: Record<string, string> = {}) =>
  resolveOptions(serverOptions, { flags, env });

test("the embedded store is the default, and a URL selects another store", () => {
  expect(resolve({})).toMatchObject({ store: "sqlite", bus: undefined, "reuse-port": false });
  const env = { TANVRIT_STORE: "mongodb://a,b,c/compute?replicaSet=rs0", TANVRIT_BUS: "rediss://r:6379" };
  expect(resolve({}, env)).toMatchObject({ store: env.TANVRIT_STORE, bus: env.TANVRIT_BUS });
});

test("an unknown kind of store or bus is rejected, and the error shows neither the URL nor its password", () => {
  const bad = [
    { store: "postgres://anna:secret@host/db" },
    { store: "mongodb:/anna:secret@host" },
    { bus: "nats://anna:secret@host" },
    { bus: "redis://" },
    { bus: "redis://anna:secret@host:port" },
  ];
  for (const flags of bad) {
    let message = "";
    try {
      resolve(flags);
    } catch (error) {
      message = (error as Error).message;
    }
    expect(message).toContain("must be");
    expect(message).not.toContain("secret");
  }
});

test("the config file accepts the key of every option, and the settings that have no option", () => {
  // Related settings share a first key, such as logs.maxMb.
  const keys = Object.values(serverOptions).map((option) => String(option.fileKey).split(".")[0] ?? "");
  const withoutOption = ["pools", "prices", "oauthClients", "oidc"];
  expect(Object.keys(serverFile.shape).sort()).toEqual([...new Set([...keys, ...withoutOption])].sort());
  for (const { fileKey } of Object.values(serverOptions)) {
    const value = fileKey.split(".").reduceRight<unknown>((inner, key) => ({ [key]: inner }), undefined);
    expect([fileKey, serverFile.safeParse(value).error?.issues]).toEqual([fileKey, undefined]);
  }
});

test("a hosted pool needs a price, in thousandths of a micro-dollar; every other pool is free", () => {
  const std = { vcpuSecondMicroUsd: 11.111, gibSecondMicroUsd: 1.5, gpuSecondMicroUsd: 0 };
  const pools = { cloud: { hosted: true, sku: "std" }, attic: {}, cellar: { hosted: false, sku: "std" } };
  const file = serverFile.parse({ pools, prices: { std } });
  expect([...serverSettings(resolve({}), {}, file).pricing]).toEqual([["cloud", { sku: "std", price: std }]]);
  expect(serverSettings(resolve({}), {}).pricing.size).toBe(0);
  const bad = [
    [{ pools: { cloud: { hosted: true } } }, "pools.cloud.sku"],
    [{ pools: { cloud: { hosted: true, sku: "std" } } }, "pools.cloud.sku"],
    [{ pools: { cloud: { hosted: true, sku: "toString" } } }, "pools.cloud.sku"],
    [{ prices: { std: { ...std, gpuSecondMicroUsd: 0.0001 } } }, "prices.std.gpuSecondMicroUsd"],
    [{ prices: { std: { ...std, gpuSecondMicroUsd: -1 } } }, "prices.std.gpuSecondMicroUsd"],
  ] as const;
  for (const [wrong, path] of bad) {
    const issues = serverFile.safeParse(wrong).error?.issues ?? [];
    expect(issues.map((issue) => issue.path.join("."))).toEqual([path]);
  }
});
