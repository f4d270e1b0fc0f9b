import { describe, expect, test } from "bun:test";
import type { RunEvents, RunStore } from "../../server/workflow/run-store.ts";
import { newId } from "../../shared/ids.ts";
import type { WorkflowEvent } from "../../shared/workflow-run.ts";

/** What every store of workflow runs promises. `open` gives an empty store, which is closed after each test. */
export function runStoreContract(name: string, open: () => Promise<{ store: RunStore } & AsyncDisposable>) {
  describe(`${name} keeps the runs of workflows`, () => {
    test("events become the state of the run, batch after batch", async () => {
      await using opened = await open();
      const { store } = opened;
      const batch = batchOf();
      const steps = [1, 2].map((number) => stepEvent("build", number));
      expect(await store.append({ ...batch, events: [jobEvent("build", "queued")] })).toMatchObject({
        events: 1,
      });
      const more = { ...batch, from: 1, events: [...steps, jobEvent("build", "completed")] };
      expect(await store.append(more)).toEqual({ events: 4, applied: more.events });
      const { executionId, jobId, businessId } = batch;
      expect(await store.find(executionId)).toEqual({
        executionId,
        jobId,
        businessId,
        attempt: 1,
        events: 4,
        run: {
          name: "ci.yml",
          path: "ci.yml",
          event: "push",
          status: "queued",
          annotations: [],
          jobs: [
            {
              key: "build",
              id: "build",
              name: "build",
              status: "completed",
              annotations: [],
              steps: [1, 2].map((number) => ({
                number,
                name: `step ${number}`,
                kind: "main",
                status: "queued",
              })),
            },
          ],
        },
      });
      expect(await store.find(newId("exe"))).toBeUndefined();
    });

    test("events that are known are ignored, and so are events after a hole", async () => {
      await using opened = await open();
      const { store } = opened;
      const batch = batchOf();
      const notes = ["a", "b", "c"].map(noteEvent);
      expect(await store.append({ ...batch, from: 2, events: notes })).toEqual({ events: 0, applied: [] });
      expect((await store.append({ ...batch, events: notes.slice(0, 2) })).events).toBe(2);
      expect(await store.append({ ...batch, events: notes })).toEqual({ events: 3, applied: notes.slice(2) });
      expect(await store.append({ ...batch, events: notes })).toEqual({ events: 3, applied: [] });
      expect(await store.append({ ...batch, from: 5, events: notes })).toEqual({ events: 3, applied: [] });
      expect(await store.append({ ...batch, from: 0, events: [] })).toEqual({ events: 3, applied: [] });
      const said = (await store.find(batch.executionId))?.run.annotations.map(({ message }) => message);
      expect(said).toEqual(["a", "b", "c"]);
    });

    test("of many senders of the same events, each event counts once", async () => {
      await using opened = await open();
      const { store } = opened;
      const batch = batchOf();
      const notes = Array.from({ length: 30 }, (_, i) => noteEvent(`${i}`));
      await Promise.all(
        Array.from({ length: 20 }, async (_, i) => {
          for (let from = i % 3; from < notes.length; ) {
            const { events } = await store.append({ ...batch, from, events: notes.slice(from, from + 4) });
            // Like a sender, it continues where the store is.
            from = events;
          }
        }),
      );
      const found = await store.find(batch.executionId);
      expect(found?.events).toBe(30);
      expect(found?.run.annotations.map(({ message }) => message)).toEqual(notes.map((_, i) => `${i}`));
    });

    test("runs of two executions do not mix", async () => {
      await using opened = await open();
      const { store } = opened;
      const [one, other] = [batchOf(), batchOf()];
      await store.append({ ...one, events: [noteEvent("one")] });
      await store.append({ ...other, events: [noteEvent("other"), noteEvent("more")] });
      expect((await store.find(one.executionId))?.run.annotations).toHaveLength(1);
      expect((await store.find(other.executionId))?.run.annotations).toHaveLength(2);
    });

    test("a run keeps its jobs however long their summaries are", async () => {
      await using opened = await open();
      const { store } = opened;
      const batch = batchOf();
      const summary = "ä".repeat(1024 * 1024);
      for (let from = 0; from < 8; from++) {
        const job = { key: `${from}`, summary: `${from}${summary}` };
        await store.append({ ...batch, from, events: [{ type: "job", job }] });
      }
      const run = (await store.find(batch.executionId))?.run;
      expect(run?.jobs).toHaveLength(8);
      expect(Buffer.byteLength(JSON.stringify(run))).toBeLessThanOrEqual(8 * 1024 * 1024);
      expect(run?.jobs.at(-1)?.summary).toContain("too long to keep");
    });
  });
}

function batchOf(): RunEvents {
  return {
    businessId: newId("biz"),
    jobId: newId("job"),
    executionId: newId("exe"),
    attempt: 1,
    request: { path: "ci.yml", event: "push" },
    from: 0,
    events: [],
  };
}

function jobEvent(key: string, status: "queued" | "completed"): WorkflowEvent {
  return { type: "job", job: { key, status } };
}

function stepEvent(job: string, number: number): WorkflowEvent {
  return { type: "step", job, step: { number, name: `step ${number}` } };
}

function noteEvent(message: string): WorkflowEvent {
  return { type: "annotation", annotation: { level: "notice", message } };
}
