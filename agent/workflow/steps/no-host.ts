import type { HostExit, StepHost } from "../job.ts";

/** Stands in for the container of a job that did not start: nothing may run on the machine instead. */
export class NoHost implements StepHost {
  readonly os = "Linux";

  run(): Promise<HostExit> {
    return Promise.resolve({ notStarted: "The container of the job did not start, so the step cannot run." });
  }

  which(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  guestPath(path: string): string {
    return path;
  }

  basePath(): Promise<string> {
    return Promise.resolve("");
  }
}
