import { createHash } from "node:crypto";
import type { Logger } from "../../shared/logger.ts";
import type { SessionStore } from "../auth/session-store.ts";
import type { Bus } from "./bus.ts";
import { MemoryBus } from "./memory-bus.ts";
import { RedisBus } from "./redis-bus.ts";

/** The bus the settings ask for. One that cannot be reached holds up nothing: it is tried again and again. */
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
    "no bus is set: with other servers on this store, what they do is seen up to 5 s late; set --bus or TANVRIT_BUS",
  );
  return new MemoryBus({ isAlone: false });
}

/** The same for all servers of one store, and for no others that use the same Redis. */
async function channelPrefix(sessions: SessionStore): Promise<string> {
  const secret = await sessions.secret("bus-channels");
  return `tanvrit:${createHash("sha256").update(secret).digest("hex").slice(0, 16)}:`;
}
