import type { JobReport, JobServices } from "../job.ts";

let last: Promise<unknown> = Promise.resolve();

/** Opens a shell on the terminal where a step failed, one at a time; the job waits until somebody leaves it. */
export function shellOnFailure(report: JobReport): NonNullable<JobServices["onFailure"]> {
  return ({ cwd, env }) => {
    const opened = last.then(async () => {
      const shell = process.env.SHELL ?? "/bin/sh";
      report.line(`A step failed. This is a shell in ${cwd}; the job goes on when you leave it with exit.`);
      const own = { PATH: process.env.PATH, TERM: process.env.TERM, HOME: process.env.HOME };
      const stdio = ["inherit", "inherit", "inherit"] as const;
      await Bun.spawn([shell, "-i"], { cwd, env: { ...own, ...env }, stdio: [...stdio] }).exited;
    });
    // The job that opened it reports the error.
    last = opened.catch(() => undefined);
    return opened;
  };
}
