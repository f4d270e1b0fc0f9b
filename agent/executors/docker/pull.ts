import type { DockerOptions } from "../../../shared/docker.ts";
import { type ImageName, parseImage } from "../../../shared/image-name.ts";
import { textOf } from "../../../shared/text-of.ts";
import { StartFailedError } from "../port/executor.ts";
import type { Engine } from "./engine.ts";
import { EngineError, hasStatus } from "./engine-error.ts";
import { type ImageFacts, imageFacts } from "./image-facts.ts";
import { type PullEvent, PullProgress } from "./pull-progress.ts";
import type { RegistryAuth } from "./registry-auth.ts";

export interface PullRequest {
  reference: string;
  policy: DockerOptions["pull"];
  /** Called only if the image must be pulled. */
  auth(image: ImageName): Promise<RegistryAuth | undefined>;
  /** Adds a line to the job's log. */
  tell(text: string): void;
  signal: AbortSignal;
}

/** An engine that sends nothing for so long during a pull has lost the registry. */
const SILENCE_MS = 300_000;
/** Events are far shorter; anything longer does not come from an engine. */
const MAX_EVENT_LENGTH = 1024 * 1024;

/** Makes sure that the engine has the image, by the job's pull policy. Throws StartFailedError, or the signal's reason. */
export async function ensureImage(engine: Engine, request: PullRequest): Promise<ImageFacts> {
  const { reference, policy, signal } = request;
  const image = parseImage(reference);
  if (policy !== "always" || image.isId) {
    const facts = await factsIfThere(engine, reference, signal);
    if (facts) return facts;
    if (image.isId)
      throw new StartFailedError(`This node has no image ${reference}, and an id cannot be pulled.`);
    if (policy === "never") {
      throw new StartFailedError(
        `This node has no image ${reference}, and the job says not to pull it (pull: never).`,
      );
    }
  }
  await pull(engine, image, request);
  return imageFacts(engine, reference, signal);
}

async function factsIfThere(
  engine: Engine,
  reference: string,
  signal: AbortSignal,
): Promise<ImageFacts | undefined> {
  try {
    return await imageFacts(engine, reference, signal);
  } catch (error) {
    if (hasStatus(error, 404)) return undefined;
    throw error;
  }
}

async function pull(engine: Engine, image: ImageName, request: PullRequest): Promise<void> {
  const { reference, tell } = request;
  const auth = await request.auth(image);
  const startMs = performance.now();
  const progress = new PullProgress(startMs);
  tell(`Pulling the image ${reference}${auth ? ` with ${auth.of}` : ""}.`);
  const watch = new SilenceWatch(request.signal);
  try {
    const stream = await engine.stream("POST", "/images/create", {
      query: { fromImage: image.repository, tag: image.tag },
      headers: auth ? { "X-Registry-Auth": auth.header } : {},
      signal: watch.signal,
      timeoutMs: SILENCE_MS,
    });
    for await (const event of eventsOf(stream, () => watch.heard())) {
      const failure = event.errorDetail?.message ?? event.error;
      if (failure) throw new EngineError(failure, 500);
      const line = progress.note(event, performance.now());
      if (line) tell(`Pulling ${reference}: ${line}.`);
    }
  } catch (error) {
    request.signal.throwIfAborted();
    const why = watch.isSilent ? `the engine sent nothing for ${SILENCE_MS / 1_000} s` : textOf(error);
    throw new StartFailedError(`The image ${reference} cannot be pulled: ${why}`, { cause: error });
  } finally {
    watch.end();
  }
  const seconds = ((performance.now() - startMs) / 1_000).toFixed(1);
  tell(`Pulled ${reference} in ${seconds} s (${progress.summary()}).`);
}

/** Fires when the request is no longer wanted, and after too long a silence. */
class SilenceWatch {
  private readonly silence = new AbortController();
  readonly signal: AbortSignal;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(wanted: AbortSignal) {
    this.signal = AbortSignal.any([wanted, this.silence.signal]);
    this.heard();
  }

  get isSilent(): boolean {
    return this.silence.signal.aborted;
  }

  heard(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.silence.abort(), SILENCE_MS);
  }

  end(): void {
    clearTimeout(this.timer);
  }
}

/** Parses the engine's events: one JSON object on each line. */
export async function* eventsOf(
  stream: AsyncIterable<Uint8Array>,
  heard: () => void = () => {},
): AsyncGenerator<PullEvent> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of stream) {
    heard();
    text += decoder.decode(chunk, { stream: true });
    const lines = text.split("\n");
    text = lines.pop() ?? "";
    if (text.length > MAX_EVENT_LENGTH) throw new Error("the engine sent an event that does not end");
    for (const line of lines) if (line.trim()) yield JSON.parse(line) as PullEvent;
  }
  if (text.trim()) yield JSON.parse(text) as PullEvent;
}
