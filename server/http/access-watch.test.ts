import { expect, test } from "bun:test";
import { newId } from "../../shared/ids.ts";
import { MemoryBus } from "../bus/memory-bus.ts";
import { AccessWatch, untilAccessEnds } from "./access-watch.ts";
import type { Caller, StreamEvent } from "./handler.ts";

const caller = (accessUntilMs: number): Extract<Caller, { kind: "user" }> => ({
  kind: "user",
  userId: newId("usr"),
  userName: "anna",
  businessId: newId("biz"),
  businessName: "shop",
  role: "owner",
  sessionId: newId("ses"),
  ticketOf: undefined,
  accessUntilMs,
});
const ended = (signal: AbortSignal | undefined) =>
  new Promise<unknown>((resolve) => {
    if (signal?.aborted) resolve(signal.reason);
    signal?.addEventListener("abort", () => resolve(signal.reason));
  });

test("a waiting request ends with its session, whichever server ended the session; other sessions go on", () => {
  const bus = new MemoryBus();
  const watch = new AccessWatch(bus, Date.now);
  const [mine, other] = [caller(Date.now() + 60_000), caller(Date.now() + 60_000)];
  const [first, second, theirs] = [watch.watch(mine), watch.watch(mine), watch.watch(other)];
  bus.publish("session", { sessionId: mine.sessionId });
  for (const one of [first, second]) expect(one?.signal.reason).toMatchObject({ code: "session_ended" });
  expect(theirs?.signal.aborted).toBe(false);
  theirs?.close();
  bus.publish("session", { sessionId: other.sessionId });
  expect(theirs?.signal.aborted).toBe(false);
});

test("a waiting request ends when its token expires", async () => {
  const watch = new AccessWatch(new MemoryBus(), Date.now);
  expect(await ended(watch.watch(caller(Date.now() + 20))?.signal)).toMatchObject({ code: "token_expired" });
});

test("a stream whose access ends sends what it had, and then an event that says why", async () => {
  const bus = new MemoryBus();
  const watch = new AccessWatch(bus, Date.now);
  const by = caller(Date.now() + 60_000);
  const access = watch.watch(by);
  async function* events(): AsyncGenerator<StreamEvent[]> {
    yield [{ event: "log", id: "1.1", data: {} }];
    await ended(access?.signal);
  }
  const seen: StreamEvent[] = [];
  for await (const some of untilAccessEnds(events(), access)) {
    seen.push(...some);
    bus.publish("session", { sessionId: by.sessionId });
  }
  expect(seen.map(({ event }) => event)).toEqual(["log", "error"]);
  expect(seen[1]?.data).toMatchObject({ code: "session_ended" });
});
