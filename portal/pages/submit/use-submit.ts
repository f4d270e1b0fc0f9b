import { useEffect, useRef, useState } from "preact/hooks";
import { useLocation } from "preact-iso";
import type { Job, JobManifestInput } from "../../../sdk/index.ts";
import { compute } from "../../api/session.ts";
import type { Fields, Problem } from "../../editing/document.ts";
import { forgetDraft } from "../../editing/draft.ts";
import { OneKey } from "../../editing/one-key.ts";
import { problemsOf } from "../../editing/use-check.ts";
import { sayInToast } from "../../ui/toast.tsx";
import type { GivenFile } from "./dropped-files.ts";
import { type Sending, sendFiles, submit, withInput } from "./send.ts";

interface SubmitParts {
  /** Undefined while the text cannot be read. */
  fields: Fields | undefined;
  files: readonly GivenFile[];
  /** The draft to forget afterwards. */
  start: string;
  /** Submits an unchanged template instead of the manifest. */
  run?: ((idempotencyKey: string, signal: AbortSignal) => Promise<Job>) | undefined;
  /** The files are on the server; the manifest has this input now. */
  onSent(from: string): void;
  /** The server refused the job. */
  onProblems(problems: readonly Problem[]): void;
}

export type Progress = "idle" | "checking" | "submitting" | Sending;

/** Sends the files, submits the job, and leads to its page. At most once at a time. */
export function useSubmit(parts: SubmitParts) {
  const { route } = useLocation();
  const [progress, setProgress] = useState<Progress>("idle");
  const latest = useRef(parts);
  latest.current = parts;
  const running = useRef<AbortController | undefined>(undefined);
  const key = useRef(new OneKey());

  // Leaving the page ends what is on its way.
  useEffect(() => () => running.current?.abort(), []);

  const send = async (signal: AbortSignal): Promise<Job> => {
    const { fields = {}, files, run, onSent } = latest.current;
    let manifest = fields;
    if (files.length > 0) {
      setProgress("checking");
      // Nothing is sent for a job that would be refused.
      await compute.jobs.dryRun(withInput(fields) as JobManifestInput, { signal });
      setProgress({ sentBytes: 0, bytes: files.reduce((sum, { blob }) => sum + blob.size, 0) });
      const from = await sendFiles(files, { signal, onProgress: setProgress });
      onSent(from);
      manifest = withInput(fields, from);
    } else if (run) {
      setProgress("submitting");
      return run(key.current.for("template"), signal);
    }
    setProgress("submitting");
    return submit(manifest, key.current.for(manifest), signal);
  };

  const start = async () => {
    if (running.current || latest.current.fields === undefined) return;
    const ending = new AbortController();
    running.current = ending;
    try {
      const { jobId } = await send(ending.signal);
      forgetDraft(latest.current.start);
      route(`/jobs/${jobId}`);
    } catch (error) {
      if (ending.signal.aborted) return;
      const problems = problemsOf(error);
      if (problems) latest.current.onProblems(problems);
      else sayInToast(error);
    } finally {
      running.current = undefined;
      setProgress("idle");
    }
  };
  const cancel = () => running.current?.abort(new DOMException("The person cancelled", "AbortError"));
  return { progress, start, cancel };
}
