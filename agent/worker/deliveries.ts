import type { EventsFile } from "../executors/port/executor.ts";
import type { WaitingOutputs } from "../supervisor/protocol.ts";
import type { EventSenders } from "./event-sender.ts";
import { changeResult, type Held } from "./held.ts";
import { type OutputCollector, withOutputs } from "./output-collector.ts";

export interface DeliveriesParts {
  collector: Pick<OutputCollector, "begin">;
  events: Pick<EventSenders, "begin">;
  /** Something that the result waited for has arrived. */
  delivered(executionId: string, held: Held): void;
}

/** What the results of executions wait for besides their lines: outputs and events. */
export class Deliveries {
  constructor(private readonly parts: DeliveriesParts) {}

  /** The result waits until the outputs are at the server, or cannot be. */
  collect(executionId: string, held: Held, outputs: WaitingOutputs): void {
    const collecting = this.parts.collector.begin(executionId, outputs);
    held.collecting = collecting;
    if (held.cancelAsked) collecting.hurry();
    void collecting.over.then(({ artifactId, problems }) => {
      if (held.collecting !== collecting) return;
      held.collecting = undefined;
      if (!changeResult(held, (result) => withOutputs(result, artifactId, problems))) return;
      this.parts.delivered(executionId, held);
    });
  }

  /** Events are sent from the start of the execution on. The result waits for the last of them. */
  send(executionId: string, held: Held, file: EventsFile | undefined): void {
    if (!file || held.sending) return;
    const sending = this.parts.events.begin(executionId, file);
    held.sending = sending;
    if (held.cancelAsked) sending.hurry();
    void sending.over.then(() => {
      if (held.sending !== sending) return;
      held.sending = undefined;
      this.parts.delivered(executionId, held);
    });
  }
}

/** Whether its result waits for more than its lines. */
export function waitsForMore({ collecting, sending }: Held): boolean {
  return collecting !== undefined || sending !== undefined;
}

/** It was cancelled: what its result waits for gets a limited time. */
export function hurry({ collecting, sending }: Held): void {
  collecting?.hurry();
  sending?.hurry();
}

/** Nothing waits for its outputs and events any more. */
export function stopDelivering(held: Held): void {
  const { collecting, sending } = held;
  held.collecting = undefined;
  held.sending = undefined;
  collecting?.stop();
  sending?.stop();
}
