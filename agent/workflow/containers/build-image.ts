import { basename, dirname } from "node:path";
import type { Engine } from "../../executors/docker/engine.ts";
import { eventsOf } from "../../executors/docker/pull.ts";

const SILENCE_MS = 600_000;

/**
 * Builds the image of an action from its Dockerfile, and returns its id. The engine's own cache makes a second build of the
 * same action quick. The image gets no name, so that the engine's clean-up finds it. Throws an Error with the engine's words.
 */
export async function buildImage(
  engine: Engine,
  dockerfile: string,
  { tell, signal }: { tell(line: string): void; signal: AbortSignal },
): Promise<string> {
  const directory = dirname(dockerfile);
  const archive = Bun.spawn(["tar", "-cf", "-", "-C", directory, "."], {
    stdout: "pipe",
    stderr: "ignore",
    signal,
  });
  const events = await engine.stream("POST", "/build", {
    query: { dockerfile: basename(dockerfile), rm: true, forcerm: true },
    headers: { "content-type": "application/x-tar" },
    bytes: archive.stdout,
    timeoutMs: SILENCE_MS,
    signal,
  });
  let image: string | undefined;
  for await (const event of eventsOf(events)) {
    const { stream, error, aux } = event as { stream?: string; error?: string; aux?: { ID?: string } };
    image = aux?.ID ?? image;
    if (error !== undefined)
      throw new Error(`The image of the action cannot be built from ${dockerfile}: ${error.trim()}`);
    for (const line of (stream ?? "").split("\n")) if (line.trim() !== "") tell(line.trimEnd());
  }
  if (image === undefined)
    throw new Error(`The engine built ${dockerfile}, but did not say which image it made.`);
  return image;
}
