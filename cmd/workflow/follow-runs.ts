import type { Compute, Job } from "../../sdk/index.ts";
import type { LogEvent } from "../../shared/log.ts";
import { eventsOfRun } from "../../shared/workflow-state.ts";
import { patience } from "../connection/connect.ts";
import { exitCodeOfJob, exitCodes } from "../exit/exit-codes.ts";
import { attached } from "../job/attached.ts";
import { endLine } from "../job/end-line.ts";
import { LogWriter } from "../job/log-writer.ts";
import { sayWhyItWaits } from "../job/say-waiting.ts";
import { takeOutputs } from "../job/take-outputs.ts";
import type { Output } from "../output/output.ts";
import { runSummary } from "../output/run-tree.ts";
import { watchReader } from "../output/standard-streams.ts";

interface FollowOptions {
  download?: string | undefined;
  json: boolean;
  quiet: boolean;
}

/** Shows the runs until all are over. Resolves with 0 if all succeeded, else with the code of the first that did not. */
export async function followRuns(
  compute: Compute,
  jobs: readonly Job[],
  options: FollowOptions,
  output: Output,
): Promise<number> {
  if (!options.json) {
    for (const { jobId, name = "" } of jobs)
      await output.note(`tanvrit-compute: ${jobId} submitted: ${name}`);
  }
  const ids = jobs.map(({ jobId }) => jobId);
  const followAll = (signal: AbortSignal) =>
    Promise.all(
      jobs.map((job, i) =>
        new RunFollower(compute, job, options, output).follow(jobs.length > 1 ? i : undefined, signal),
      ),
    );
  const codes = await attached(compute, ids, output, followAll, { interruptCancels: true, watchReader });
  return codes.find((code) => code !== exitCodes.ok) ?? exitCodes.ok;
}

/** Shows one run on a node. */
class RunFollower {
  constructor(
    private readonly compute: Compute,
    private readonly job: Job,
    private readonly options: FollowOptions,
    private readonly output: Output,
  ) {}

  /** Resolves with the exit code. `index`: which of several it is; undefined: there is only this one. */
  async follow(index: number | undefined, signal: AbortSignal): Promise<number> {
    await this.show(index, signal);
    const { compute, job, output } = this;
    const ended = await compute.jobs.wait(job.jobId, patience(output, signal));
    const exitCode = exitCodeOfJob(ended);
    const run = ended.workflowRun;
    if (this.options.json) {
      await output.json({
        type: "end",
        jobId: job.jobId,
        exitCode,
        status: ended.status,
        message: ended.message,
        run,
      });
      return this.takeArtifacts(ended, exitCode);
    }
    // What the summary shows need not be said again.
    const isShown =
      run !== undefined &&
      ended.status !== "TIMEOUT" &&
      (ended.status === "SUCCESS" || ended.exitCode !== undefined);
    if (run && run.jobs.length + run.annotations.length > 0)
      await output.paintedNote(runSummary(run, output.noteLook));
    if (!isShown) await output.note(`tanvrit-compute: ${endLine(ended)}`);
    return this.takeArtifacts(ended, exitCode);
  }

  /** Fetches the artifacts of the run, if it has some, or says how to. Resolves with the exit code. */
  private async takeArtifacts({ jobId, artifactId }: Job, exitCode: number): Promise<number> {
    if (artifactId === undefined) return exitCode;
    return takeOutputs(this.compute, jobId, exitCode, this.options, this.output);
  }

  private async show(index: number | undefined, signal: AbortSignal): Promise<void> {
    const { compute, job, output } = this;
    const { jobId, name = jobId } = job;
    using waiting = sayWhyItWaits(compute, job, output);
    const element = index === undefined ? undefined : { jobId, name, index, bare: false };
    await using writer = new LogWriter(output, { json: false, whole: true, ...(element && { element }) });
    for await (const event of compute.jobs.follow(jobId, { ...patience(output, signal), whole: true })) {
      if (event.event !== "status" || event.data.status !== "QUEUED") waiting[Symbol.dispose]();
      if (this.options.json) await this.print(event);
      else if (!this.options.quiet) await writer.write(event);
    }
  }

  private async print(event: LogEvent): Promise<void> {
    const { output } = this;
    const { jobId } = this.job;
    if (event.event === "log") {
      const { stream, text } = event.data;
      if (stream !== "system") await output.json({ type: "log", jobId, text });
    } else if (event.event === "workflow") {
      const { run, events = [] } = event.data;
      for (const one of run ? eventsOfRun(run) : events) await output.json({ ...one, jobId });
    }
  }
}
