import type { ActivityEvent } from "../shared/activity.ts";
import { pause } from "../shared/wait.ts";
import type { ComputeClient } from "./client.ts";
import { UnreachableError } from "./errors.ts";
import { Outage, type Patience } from "./patience.ts";

export interface ActivityOptions extends Patience {
  /** The id of the last event seen; the stream goes on after it. */
  lastEventId?: string;
}

/** A connection this old was good. */
const GOOD_CONNECTION_MS = 5_000;
/** Avoids a tight loop when a server ends every stream immediately. */
const REOPEN_MS = 250;

/**
 * What changes in the business, so that a page need not ask again and again.
 *
 * @example
 * for await (const { event, data } of compute.activity.follow({ signal })) {
 *   if (event === "reset") await readEverythingAgain();
 *   if (event === "jobs") await readAgain(data.jobIds);
 * }
 */
export class Activity {
  constructor(private readonly client: ComputeClient) {}

  /**
   * Says what to read again: jobs, nodes and other things that have changed. `reset` means everything. Reconnects, and
   * resumes where the connection broke, until its signal aborts or the server is away for too long.
   */
  async *follow(options: ActivityOptions = {}): AsyncGenerator<ActivityEvent, void, void> {
    const outage = new Outage(options);
    const { signal } = options;
    let { lastEventId } = options;
    for (;;) {
      let openedAtMs = Number.POSITIVE_INFINITY;
      const onOpen = () => {
        openedAtMs = performance.now();
      };
      try {
        let hasAccess = true;
        const events = this.client.stream("activity.stream", {}, { signal, lastEventId, onOpen });
        for await (const event of events) {
          outage.over();
          lastEventId = event.id ?? lastEventId;
          hasAccess = event.event !== "error";
          if (event.event === "error") break;
          yield event;
        }
        if (hasAccess) throw new UnreachableError(this.client.url, "the stream of changes ended");
        // The stream goes on with a new token. If there is none, the next answer says why.
        await pause(REOPEN_MS, signal);
      } catch (error) {
        if (performance.now() - openedAtMs >= GOOD_CONNECTION_MS) outage.over();
        await outage.wait(error);
      }
    }
  }
}
