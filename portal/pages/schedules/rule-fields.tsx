import { useEffect, useState } from "preact/hooks";
import type { EndpointOutput } from "../../../sdk/index.ts";
import { sayError } from "../../api/errors.ts";
import { compute } from "../../api/session.ts";
import { Field } from "../../ui/field.tsx";
import { FireList } from "./fire-calendar.tsx";
import { sentence } from "./schedule-parts.tsx";

type Preview = EndpointOutput<"schedules.preview">;

const PRESETS: readonly { cron: string; text: string }[] = [
  { cron: "*/15 * * * *", text: "Every 15 minutes" },
  { cron: "0 * * * *", text: "Every hour" },
  { cron: "0 2 * * *", text: "Every night" },
  { cron: "0 9 * * MON-FRI", text: "Workdays at 9" },
  { cron: "0 8 * * MON", text: "Mondays" },
  { cron: "0 6 1 * *", text: "First of the month" },
];
const PAUSE_MS = 250;
const SHOWN = 5;

interface RuleFieldsProps {
  cron: string;
  onCron(cron: string): void;
  timeZone: string;
  onTimeZone(timeZone: string): void;
}

/** The rule and its time zone; what it means and when it fires next is said while the person types. */
export function RuleFields({ cron, onCron, timeZone, onTimeZone }: RuleFieldsProps) {
  const { preview, problem } = usePreview(cron, timeZone);
  return (
    <div class="rule-fields">
      <div class="stack">
        <fieldset class="row wrap plain-set presets">
          <legend class="spoken">Usual rules</legend>
          {PRESETS.map((preset) => (
            <button
              key={preset.cron}
              type="button"
              class="button"
              aria-pressed={preset.cron === cron}
              onClick={() => onCron(preset.cron)}
            >
              {preset.text}
            </button>
          ))}
        </fieldset>
        <Field
          label="Cron rule"
          problem={problem}
          hint="Minute, hour, day of the month, month, day of the week; with six fields, seconds come first."
        >
          {(tied) => (
            <input
              {...tied}
              class="mono"
              value={cron}
              required
              maxLength={200}
              autocomplete="off"
              spellcheck={false}
              onInput={(event) => onCron(event.currentTarget.value)}
            />
          )}
        </Field>
        <Field label="Time zone" hint="Fires keep their local time when the clocks change.">
          {(tied) => (
            <select {...tied} value={timeZone} onChange={(event) => onTimeZone(event.currentTarget.value)}>
              {timeZones(timeZone).map((zone) => (
                <option key={zone} value={zone}>
                  {zone}
                </option>
              ))}
            </select>
          )}
        </Field>
      </div>
      <div class="rule-words" aria-live="polite">
        {preview && problem === undefined && (
          <>
            <p>
              <strong>{sentence(preview.words)}</strong>
            </p>
            {preview.warnings.map((warning) => (
              <p key={warning} class="notice">
                {warning}
              </p>
            ))}
            <h3>Next</h3>
            <FireList fires={preview.fires} />
          </>
        )}
      </div>
    </div>
  );
}

/** What the server makes of the rule, asked when the person stops typing. */
function usePreview(cron: string, timeZone: string): { preview?: Preview; problem?: string } {
  const [state, setState] = useState<{ preview?: Preview; problem?: string }>({});
  useEffect(() => {
    if (cron.trim() === "") {
      setState({ problem: "Write a rule, or choose one above." });
      return;
    }
    const ended = new AbortController();
    const timer = setTimeout(() => {
      const input = { cron, timeZone, count: SHOWN };
      compute.client.call("schedules.preview", input, { signal: ended.signal }).then(
        (preview) => setState({ preview }),
        (error) => {
          if (!ended.signal.aborted) setState({ problem: sayError(error).detail });
        },
      );
    }, PAUSE_MS);
    return () => {
      clearTimeout(timer);
      ended.abort();
    };
  }, [cron, timeZone]);
  return state;
}

/** Those that the browser knows, and the chosen one. */
function timeZones(chosen: string): readonly string[] {
  return [...new Set(["UTC", chosen, ...Intl.supportedValuesOf("timeZone")])];
}
