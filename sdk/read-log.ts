import type { LogEvent } from "../shared/log.ts";
import { pause } from "../shared/wait.ts";
import type { ComputeClient } from "./client.ts";
import { UnreachableError } from "./errors.ts";
import { Outage, type Patience } from "./patience.ts";

interface ReadLogOptions extends Patience {
  follow: boolean;
  tail?: number;
  lastEventId?: string;
  whole?: boolean;
  packed?: boolean;
}

/** A connection this old was good, even if the job wrote nothing. */
const GOOD_CONNECTION_MS = 5_000;

/** Avoids a tight loop when a server ends every stream immediately. */
const REOPEN_MS = 250;

/** Reads a job's log over as many connections as it takes; each resumes where the last one broke. */
export async function* readLog(
  client: ComputeClient,
  jobId: string,
  options: ReadLogOptions,
): AsyncGenerator<LogEvent, void, void> {
  const outage = new Outage(options);
  let { lastEventId } = options;
  if (options.follow) await client.prepareToWait([jobId], options.signal);
  for (;;) {
    let hasAccess = true;
    let openedAtMs = Number.POSITIVE_INFINITY;
    const onOpen = () => {
      openedAtMs = performance.now();
    };
    try {
      // `tail` counts only until the first event; after that, its id says where to resume.
      const tail = lastEventId === undefined ? options.tail : undefined;
      const { follow, whole = false, packed = false } = options;
      const input = {
        jobId,
        tail,
        follow: `${follow}`,
        whole: whole ? "true" : undefined,
        packed: packed ? "true" : undefined,
      } as const;
      const { signal } = options;
      for await (const event of client.stream("jobs.logs", input, { signal, lastEventId, onOpen })) {
        outage.over();
        lastEventId = event.id ?? lastEventId;
        hasAccess = event.event !== "error";
        if (event.event === "error") break;
        yield event;
        if (event.event === "end") return;
      }
      if (!hasAccess) {
        // The stream goes on with a new token. If there is none, the next answer says why.
        await pause(REOPEN_MS, options.signal);
        continue;
      }
      if (!options.follow) return;
      throw new UnreachableError(client.url, "the log stream ended before the job did");
    } catch (error) {
      if (performance.now() - openedAtMs >= GOOD_CONNECTION_MS) outage.over();
      await outage.wait(error);
    }
  }
}
