import { expect, test } from "bun:test";
import { allowedEnvironment } from "./environment.ts";

const secrets = {
  AWS_SECRET_ACCESS_KEY: "s",
  HTTPS_PROXY: "http://ada:s@proxy",
  SSH_AUTH_SOCK: "/s",
  S: "s",
};

test("a job sees only the listed variables of the agent's environment, whatever the others are called", () => {
  const seen = { PATH: "/bin", HOME: "/home/ada", TZ: "UTC", LC_ALL: "C.UTF-8" };
  expect(allowedEnvironment({ ...secrets, ...seen, path: "/s", LANG: undefined }, "linux")).toEqual(seen);
});

test("on Windows the same holds, whatever the case of the names", () => {
  const seen = { Path: "C:\\bin", SystemRoot: "C:\\Windows", USERPROFILE: "C:\\Users\\ada" };
  expect(allowedEnvironment({ ...secrets, ...seen, HOME: "/s" }, "win32")).toEqual(seen);
});
