import { createHash } from "node:crypto";
import type { Logger } from "../../shared/logger.ts";
import type { SessionStore } from "../auth/session-store.ts";
import type { Bus } from "./bus.ts";
import { MemoryBus } from "./memory-bus.ts";
import { RedisBus } from "./redis-bus.ts";

/** The bus that the settings select. The server starts even if the bus is away: it keeps trying to connect. */
export async function openBus(
  { bus, store }: { bus: string | undefined; store: string },
  sessions: SessionStore,
  log: Logger,
): Promise<Bus> {
  if (bus !== undefined) {
    return new RedisBus({ url: bus, prefix: await channelPrefix(sessions), log });
  }
  if (store === "sqlite") return new MemoryBus();
  log.warn(
    "no bus is set: if other servers use this store, their changes show up to 5 s late; set --bus or TANVRIT_BUS",
  );
  return new MemoryBus({ isAlone: false });
}

/** Shared by all servers of one store, and by no other servers on the same Redis. */
async function channelPrefix(sessions: SessionStore): Promise<string> {
  const secret = await sessions.secret("bus-channels");
  return `tanvrit:${createHash("sha256").update(secret).digest("hex").slice(0, 16)}:`;
}
