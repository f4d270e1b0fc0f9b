import { textOf } from "../../../shared/text-of.ts";
import {
  containerState,
  containerStopped,
  createContainer,
  removeContainer,
  signalContainer,
  startContainer,
} from "../../executors/docker/containers.ts";
import type { Engine } from "../../executors/docker/engine.ts";
import { FrameReader } from "../../executors/docker/frames.ts";
import type { HostExit, HostProgram, StepHost } from "../job.ts";
import type { ContainerBody } from "./create-options.ts";
import type { GuestPaths } from "./guest-paths.ts";
import { stopLadder } from "./stop-ladder.ts";

const ENDED_SOON_MS = 60_000;

export interface ActionContainer {
  name: string;
  image: string;
  entrypoint?: string | undefined;
  labels: Readonly<Record<string, string>>;
  /** The job's network; absent: the engine's own. */
  network?: string | undefined;
  paths: GuestPaths;
}

/** Runs each program as a container of its own, as a Docker action does. The arguments are those of the entrypoint. */
export class ActionHost implements StepHost {
  readonly os = "Linux";

  constructor(
    private readonly engine: Engine,
    private readonly container: ActionContainer,
  ) {}

  guestPath(path: string): string {
    return this.container.paths.guest(path);
  }

  /** PATH is the image's own: nothing is added to it. */
  async basePath(): Promise<string> {
    return "";
  }

  async which(): Promise<undefined> {
    return undefined;
  }

  async run({ argv, cwd, env, onOutput, cancel }: HostProgram): Promise<HostExit> {
    const { engine } = this;
    const { name, image, entrypoint, paths } = this.container;
    const { PATH: _, ...variables } = env;
    let id: string;
    try {
      id = await createContainer(engine, name, {
        Image: image,
        ...(entrypoint === undefined ? {} : { Entrypoint: [entrypoint] }),
        ...(argv.length === 0 ? {} : { Cmd: argv }),
        Env: paths.guestEnv(variables),
        WorkingDir: paths.guest(cwd),
        Labels: this.container.labels,
        HostConfig: {
          Mounts: paths.mounts(),
          Init: true,
          LogConfig: { Type: "none", Config: {} },
          ...(this.container.network === undefined ? {} : { NetworkMode: this.container.network }),
        },
      } satisfies Omit<ContainerBody, "Cmd" | "Labels"> & { Cmd?: readonly string[]; Labels: object });
    } catch (error) {
      return { notStarted: `The container of ${image} cannot be created: ${textOf(error)}` };
    }
    const detach = new AbortController();
    try {
      const stream = await engine.attach(id, detach.signal);
      await startContainer(engine, id);
      const ladder = stopLadder(
        cancel,
        async (signal) => void (await signalContainer(engine, id, `SIG${signal}`)),
      );
      const reader = new FrameReader();
      for await (const chunk of stream) for (const { bytes } of reader.push(chunk)) await onOutput(bytes);
      await containerStopped(engine, id, ENDED_SOON_MS);
      ladder.end();
      const { ExitCode = 0 } = await containerState(engine, id);
      return { exitCode: ExitCode };
    } catch (error) {
      return { notStarted: `The container of ${image} cannot run: ${textOf(error)}` };
    } finally {
      detach.abort();
      await removeContainer(engine, id);
    }
  }
}
