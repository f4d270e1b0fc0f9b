import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { listenOn } from "../../shared/sockets/listen.ts";
import { Wire } from "../../shared/sockets/wire.ts";
import { makeScratch } from "../../tests/support/scratch.ts";
import { AgentError } from "../process/agent-error.ts";
import { acquireLock } from "../state/lock.ts";
import { connectOrLaunch } from "./launch.ts";
import { type News, type Order, PROTOCOL } from "./protocol.ts";
import { supervisorDir } from "./supervisor-dir.ts";

const log = { info: () => {}, warn: () => {}, error: () => {} };

test("the error about a supervisor that does not answer names its process and what to do", async () => {
  await using scratch = await makeScratch();
  const dir = scratch.path;
  const command = ["sh", "-c", "echo the lock is taken"];
  const options = { command, agentId: "a", environment: {}, readyLimitMs: 500, log };
  const { release } = acquireLock(supervisorDir(dir).lock);
  const stuck = connectOrLaunch(dir, options);
  await expect(stuck).rejects.toThrow(`(process ${process.pid}) does not answer`);
  release();
  await expect(connectOrLaunch(dir, options)).rejects.toThrow("cannot start: the lock is taken");
});

test("a supervisor that runs but does not listen yet, as it ends what a dead one left, is waited for", async () => {
  await using scratch = await makeScratch();
  const dir = scratch.path;
  const { socket, lock } = supervisorDir(dir);
  const said = Promise.withResolvers<string>();
  const options = { command: ["false"], agentId: "a", environment: {}, log: { ...log, info: said.resolve } };
  const { release } = acquireLock(lock);
  const connected = connectOrLaunch(dir, options);
  expect(await said.promise).toContain(`(process ${process.pid}): it does not listen yet`);
  const hello: News = { type: "hello", protocol: PROTOCOL, pid: 7, executions: [] };
  const stop = listenOn(socket, {
    open: (agent) => new Wire<News, Order>(agent, () => {}).send(hello),
    data() {},
  });
  const link = await connected;
  expect(link.pid).toBe(7);
  await link.close();
  stop();
  release();
});

test("a supervisor gets no secrets of the agent's environment, because its jobs could read them", async () => {
  await using scratch = await makeScratch();
  const dir = scratch.path;
  const passed = { PATH: process.env.PATH, DOCKER_HOST: "unix:///e.sock", XDG_RUNTIME_DIR: "/run/user/7" };
  const environment = { ...passed, TANVRIT_TOKEN: "secret", REGISTRY_PASSWORD: "secret" };
  const options = { command: ["sh", "-c", "env >environment; echo enough"], agentId: "a", environment, log };
  await expect(connectOrLaunch(dir, options)).rejects.toThrow("enough");
  const seen = readFileSync(join(dir, "environment"), "utf8").split("\n");
  expect(seen).toContain("DOCKER_HOST=unix:///e.sock");
  expect(seen).toContain("XDG_RUNTIME_DIR=/run/user/7");
  expect(seen.join()).not.toContain("secret");
});

test("the error about a program file that is gone says that no jobs can be held, and what to do", async () => {
  await using scratch = await makeScratch();
  const dir = scratch.path;
  const options = { command: [join(dir, "gone")], agentId: "a", environment: {}, log };
  const failed = connectOrLaunch(dir, options);
  await expect(failed).rejects.toThrow(
    `The process that holds this machine's jobs cannot start: ${join(dir, "gone")} cannot be run (ENOENT)`,
  );
  await expect(failed).rejects.toBeInstanceOf(AgentError);
});
