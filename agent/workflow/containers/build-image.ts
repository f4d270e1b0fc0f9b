import { createHash } from "node:crypto";
import { basename, dirname } from "node:path";
import type { Engine } from "../../executors/docker/engine.ts";
import { eventsOf } from "../../executors/docker/pull.ts";

const SILENCE_MS = 600_000;

/**
 * Builds the image of an action from its Dockerfile, and returns its name. The engine's own cache makes a second build of
 * the same action quick. Throws an Error with the engine's words.
 */
export async function buildImage(
  engine: Engine,
  dockerfile: string,
  { tell, signal }: { tell(line: string): void; signal: AbortSignal },
): Promise<string> {
  const directory = dirname(dockerfile);
  const name = `tanvrit-action:${createHash("sha256").update(directory).digest("hex").slice(0, 24)}`;
  const archive = Bun.spawn(["tar", "-cf", "-", "-C", directory, "."], {
    stdout: "pipe",
    stderr: "ignore",
    signal,
  });
  const events = await engine.stream("POST", "/build", {
    query: { t: name, dockerfile: basename(dockerfile), rm: true, forcerm: true },
    headers: { "content-type": "application/x-tar" },
    bytes: archive.stdout,
    timeoutMs: SILENCE_MS,
    signal,
  });
  for await (const event of eventsOf(events)) {
    const { stream, error } = event as { stream?: string; error?: string };
    if (error !== undefined)
      throw new Error(`The image of the action cannot be built from ${dockerfile}: ${error.trim()}`);
    for (const line of (stream ?? "").split("\n")) if (line.trim() !== "") tell(line.trimEnd());
  }
  return name;
}
