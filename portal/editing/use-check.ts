import { useEffect, useRef, useState } from "preact/hooks";
import { ComputeError, type EndpointOutput, type JobManifestInput } from "../../sdk/index.ts";
import { compute } from "../api/session.ts";
import type { Fields, Problem } from "./document.ts";

export type Report = EndpointOutput<"jobs.dry-run">;

export interface Check {
  /** The last answers; they stay while a newer one is on its way. */
  report: Report | undefined;
  problems: readonly Problem[];
  /** Something else than the job is wrong. */
  error: unknown;
  isChecking: boolean;
  /** The server does not answer; it is asked again until it does. */
  isAway: boolean;
}

/** Typing pauses at least this long before the server is asked. */
const PAUSE_MS = 350;
const AWAY_MS = 24 * 3_600_000;
const NOTHING: Check = {
  report: undefined,
  problems: [],
  error: undefined,
  isChecking: false,
  isAway: false,
};

/**
 * What the server says about a job before it is submitted: what is wrong with it, where it could run, and what it costs. A
 * newer job ends the question about an older one. `undefined`: there is nothing to ask about.
 */
export function useCheck(manifest: Fields | undefined): Check & { say(problems: readonly Problem[]): void } {
  const [check, setCheck] = useState(NOTHING);
  const key = manifest === undefined ? "" : JSON.stringify(manifest);
  const latest = useRef(manifest);
  latest.current = manifest;

  useEffect(() => {
    if (key === "" || key === "{}") {
      setCheck(NOTHING);
      return;
    }
    const ending = new AbortController();
    const merge = (some: Partial<Check>) => {
      if (!ending.signal.aborted) setCheck((before) => ({ ...before, ...some }));
    };
    merge({ isChecking: true });
    const timer = setTimeout(async () => {
      try {
        const report = await compute.jobs.dryRun(latest.current as JobManifestInput, {
          signal: ending.signal,
          firstMs: AWAY_MS,
          awayMs: AWAY_MS,
          onAway: () => merge({ isAway: true }),
          onBack: () => merge({ isAway: false }),
        });
        merge({ ...NOTHING, report });
      } catch (error) {
        const problems = problemsOf(error);
        merge(problems ? { ...NOTHING, problems } : { ...NOTHING, error });
      }
    }, PAUSE_MS);
    return () => {
      clearTimeout(timer);
      ending.abort();
    };
  }, [key]);

  return { ...check, say: (problems) => setCheck({ ...NOTHING, problems }) };
}

/** The wrong fields that the server named; undefined if the error is about something else. */
export function problemsOf(error: unknown): readonly Problem[] | undefined {
  if (!(error instanceof ComputeError) || error.code !== "invalid_request") return undefined;
  if (!error.errors?.length) return [{ message: error.message }];
  return error.errors.map(({ path, message }) => (path === "(body)" ? { message } : { path, message }));
}
