import { expect, test } from "bun:test";
import { resolveOptions } from "../shared/config/options.ts";
import { serverFile, serverOptions } from "./options.ts";

const resolve = (flags: Record<string, unknown>, env: Record<string, string> = {}) =>
  resolveOptions(serverOptions, { flags, env });

test("the embedded store is the default, and a URL names another", () => {
  expect(resolve({})).toMatchObject({ store: "sqlite", bus: undefined, "reuse-port": false });
  const env = { TANVRIT_STORE: "mongodb://a,b,c/compute?replicaSet=rs0", TANVRIT_BUS: "rediss://r:6379" };
  expect(resolve({}, env)).toMatchObject({ store: env.TANVRIT_STORE, bus: env.TANVRIT_BUS });
});

test("an unknown kind of store or bus is refused, without showing the URL and its password", () => {
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

test("the config file takes a key for every option that names one", () => {
  const keys = Object.values(serverOptions).map((option) => option.fileKey);
  expect(Object.keys(serverFile.shape).sort()).toEqual(keys.sort());
});
