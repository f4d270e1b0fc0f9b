import { useEffect, useRef, useState } from "preact/hooks";
import type { Job } from "../../sdk/index.ts";
import { compute } from "../api/session.ts";
import { manifestOf } from "../manifest/manifest-of.ts";
import type { Fields, Problem } from "./document.ts";
import { givenValues, type Values } from "./parameters.tsx";
import { problemsOf } from "./use-check.ts";

interface Preview {
  /** The job with the values; the last one that was whole stays while a value is wrong. */
  manifest: Fields | undefined;
  problems: readonly Problem[];
  error: unknown;
  isAway: boolean;
}

const PAUSE_MS = 250;
const AWAY_MS = 24 * 3_600_000;

/** The job that a template makes with these values, and which values are wrong. A newer question ends an older one. */
export function usePreview(
  template: string | undefined,
  version: number | undefined,
  values: Values,
): Preview {
  const [preview, setPreview] = useState<Preview>({
    manifest: undefined,
    problems: [],
    error: undefined,
    isAway: false,
  });
  const params = givenValues(values);
  const key = JSON.stringify([template, version, params]);
  const isFirst = useRef(true);
  useEffect(() => {
    if (template === undefined) return;
    const ending = new AbortController();
    const { signal } = ending;
    const merge = (some: Partial<Preview>) => {
      if (!signal.aborted) setPreview((before) => ({ ...before, ...some }));
    };
    const ask = async () => {
      try {
        const { manifest } = await compute.templates.preview(template, params, {
          ...(version !== undefined && { version }),
          signal,
          firstMs: AWAY_MS,
          awayMs: AWAY_MS,
          onAway: () => merge({ isAway: true }),
          onBack: () => merge({ isAway: false }),
        });
        merge({
          manifest: withScript(manifestOf({ ...manifest, attempt: 0 } as Job) as Fields),
          problems: [],
          error: undefined,
          isAway: false,
        });
      } catch (error) {
        const problems = problemsOf(error);
        merge(problems ? { problems, error: undefined, isAway: false } : { error, isAway: false });
      }
    };
    const timer = setTimeout(ask, isFirst.current ? 0 : PAUSE_MS);
    isFirst.current = false;
    return () => {
      clearTimeout(timer);
      ending.abort();
    };
  }, [key]);
  return preview;
}

/** A script with values in it comes as the arguments of its shell; people read the script. */
function withScript(manifest: Fields): Fields {
  const { command } = manifest;
  const [shell, option, script] = Array.isArray(command) && command.length === 3 ? command : [];
  return shell === "sh" && option === "-c" ? { ...manifest, command: script } : manifest;
}
