import { expect, test } from "bun:test";
import { resolveOptions } from "../../shared/config/options.ts";
import { dockerFlags, dockerOf, mountOf } from "./docker-options.ts";

test("a mount is written as on docker's command line, in either of its forms", () => {
  expect(mountOf("/data:/in:ro")).toEqual({ type: "bind", source: "/data", target: "/in", readOnly: true });
  expect(mountOf("/data:/in")).toEqual({ type: "bind", source: "/data", target: "/in" });
  expect(mountOf("cache:/srv/cache:rw")).toEqual({
    type: "volume",
    source: "cache",
    target: "/srv/cache",
  });
  expect(mountOf("/cache")).toEqual({ type: "volume", target: "/cache" });
  expect(mountOf("type=bind,src=/a=b,dst=/in,readonly")).toEqual({
    type: "bind",
    source: "/a=b",
    target: "/in",
    readOnly: true,
  });
  expect(mountOf("source=cache,target=/c,ro=false")).toEqual({
    type: "volume",
    source: "cache",
    target: "/c",
    readOnly: false,
  });
  expect(mountOf("type=tmpfs,destination=/t")).toEqual({ type: "tmpfs", target: "/t" });
});

test("a mount that cannot be understood says why", () => {
  expect(() => mountOf("./data:/in")).toThrow(/must be absolute/);
  expect(() => mountOf("/data:/in:rx")).toThrow(/colon too many/);
  expect(() => mountOf("type=bind,from=/a,target=/b")).toThrow(/from is not a field of a mount/);
  expect(() => mountOf("type=bind,source=/a")).toThrow(/it has no target/);
  for (const name of ["constructor", "toString", "__proto__"]) {
    expect(() => mountOf(`type=bind,${name}=/a,target=/b`)).toThrow(`${name} is not a field of a mount`);
  }
});

test("a container has an init unless --no-init is given", () => {
  const given = (flags: object) => dockerOf(resolveOptions(dockerFlags, { flags: { ...flags }, env: {} }));
  expect(given({})).toBeUndefined();
  expect(given({ "no-init": true })).toEqual({ init: false });
});
