import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Logger } from "../../shared/logger.ts";
import { socketPath } from "../../shared/sockets/socket-path.ts";
import { askAgent, listenForControl } from "./control-socket.ts";
import type { AgentStatus, ControlAnswer } from "./protocol.ts";

const status = { pid: 7 } as AgentStatus;
const said: string[] = [];
const log: Logger = { info: () => {}, warn: () => {}, error: (message) => said.push(message) };

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "control-"));
  said.length = 0;
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

test("a request is answered over a socket that only the account can use and that is removed with the agent", async () => {
  const path = socketPath(dir, "control");
  const stop = listenForControl(path, async ({ type }) => ({ ok: false, why: `asked for ${type}` }), log);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(await askAgent(path, { type: "drain" })).toEqual({ ok: false, why: "asked for drain" });
  stop();
  expect(existsSync(path)).toBe(false);
  expect(await askAgent(path, { type: "status" })).toBeUndefined();
});

test("many requests are answered at the same time, and each failure goes to its own asker", async () => {
  const path = socketPath(dir, "control");
  let asked = 0;
  const answer = async (): Promise<ControlAnswer> => {
    if (++asked === 3) throw new Error("no such luck");
    return { ok: true, status };
  };
  const stop = listenForControl(path, answer, log);
  const answers = await Promise.all(Array.from({ length: 20 }, () => askAgent(path, { type: "status" })));
  expect(answers.filter((one) => one?.ok)).toHaveLength(19);
  expect(answers).toContainEqual({ ok: false, why: "no such luck" });
  expect(said).toHaveLength(1);
  stop();
});

test("a request returns in time when the agent does not answer, or is dead and left its socket", async () => {
  const path = socketPath(dir, "control");
  writeFileSync(path, "");
  expect(await askAgent(path, { type: "status" })).toBeUndefined();
  const stop = listenForControl(path, () => new Promise(() => {}), log);
  expect(await askAgent(path, { type: "status" }, 50)).toBeUndefined();
  stop();
});

test("an invalid request ends its own connection, not the agent", async () => {
  const path = socketPath(dir, "control");
  const stop = listenForControl(path, async () => ({ ok: true, status }), log);
  const closed = Promise.withResolvers<void>();
  await Bun.connect({
    unix: path,
    socket: {
      open: (socket) => void socket.write("nonsense\n"),
      data: () => {},
      close: () => closed.resolve(),
    },
  });
  await closed.promise;
  expect(await askAgent(path, { type: "status" })).toEqual({ ok: true, status });
  stop();
});

test("a directory whose path is too long has its own socket elsewhere, which is removed with the agent", async () => {
  const long = join(dir, "x".repeat(120));
  const path = socketPath(long, "control");
  expect(path.length).toBeLessThan(100);
  expect(socketPath(long, "socket")).not.toBe(path);
  const stop = listenForControl(path, async () => ({ ok: true, status }), log);
  expect(await askAgent(path, { type: "status" })).toEqual({ ok: true, status });
  stop();
  expect(existsSync(path)).toBe(false);
});

test("an agent that stood still does not carry out a request that nobody waits for any more", async () => {
  const path = socketPath(dir, "control");
  let asked = 0;
  const stop = listenForControl(
    path,
    async () => ({ ok: true, status: { pid: ++asked } as AgentStatus }),
    log,
  );
  const late = askAgent(path, { type: "stop", how: "leave" }, 5);
  Bun.sleepSync(20);
  expect([undefined, "The request came too late, so nothing was changed."]).toContain(
    await late.then(whyNot),
  );
  expect(await askAgent(path, { type: "status" })).toEqual({ ok: true, status: { pid: 1 } as AgentStatus });
  stop();
});

const whyNot = (answer: ControlAnswer | undefined) => (answer?.ok === false ? answer.why : undefined);
