import { expect } from "bun:test";
import { join } from "node:path";
import { waitFor } from "./wait.ts";

const PROGRAM = join(import.meta.dirname, "collecting-server.ts");
const STEP_MS = 120_000;

interface Race {
  servers: number;
  kills: number;
  /** How many artifacts each server must have found complete before one is killed. */
  complete: number;
}

/**
 * Runs servers on one store that send, verify and collect files at the same time; kills and replaces one after the other,
 * and collects what is left in the end. Fails if an artifact ever lacked a blob, or if anything is left.
 */
export async function raceTheCollector(
  place: readonly [kind: "sqlite" | "mongodb", place: string],
  { servers, kills, complete }: Race,
): Promise<void> {
  const running = Array.from({ length: servers }, () => new CollectingServer(place));
  try {
    for (let kill = 0; kill < kills; kill++) {
      for (const server of running) await server.hasVerified(complete);
      await running.shift()?.kill();
      running.push(new CollectingServer(place));
    }
    for (const server of running) await server.hasVerified(complete);
  } finally {
    for (const server of running) await server.kill();
  }
  const drain = Bun.spawn([process.execPath, PROGRAM, "drain", ...place], {
    stdout: "pipe",
    timeout: STEP_MS,
  });
  const said = (await new Response(drain.stdout).text()).trim().split("\n");
  expect(said.filter((line) => line.startsWith("LOST"))).toEqual([]);
  expect(JSON.parse(said.at(-1) ?? "")).toEqual({ artifacts: 0, blobs: 0, packs: 0, objects: 0 });
}

class CollectingServer {
  private readonly process: Bun.Subprocess<"ignore", "pipe", "inherit">;
  private text = "";

  constructor(place: readonly [string, string]) {
    this.process = Bun.spawn([process.execPath, PROGRAM, "race", ...place], {
      stdin: "ignore",
      stdout: "pipe",
      stderr: "inherit",
    });
    void this.listen();
  }

  async hasVerified(count: number): Promise<void> {
    await waitFor(
      `${count} complete artifacts`,
      () => {
        expect(this.text).not.toContain("LOST");
        expect(this.process.exitCode).toBeNull();
        return this.text.split("ok\n").length > count;
      },
      { timeoutMs: STEP_MS },
    );
  }

  async kill(): Promise<void> {
    this.process.kill("SIGKILL");
    await this.process.exited;
  }

  private async listen(): Promise<void> {
    const decoder = new TextDecoder();
    for await (const chunk of this.process.stdout) this.text += decoder.decode(chunk, { stream: true });
  }
}
