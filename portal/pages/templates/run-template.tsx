import { useMemo, useRef, useState } from "preact/hooks";
import { useLocation } from "preact-iso";
import type { Template } from "../../../sdk/index.ts";
import { compute } from "../../api/session.ts";
import { mayI } from "../../api/whoami.ts";
import { CheckPanel } from "../../editing/check-panel.tsx";
import { readDocument, writeDocument } from "../../editing/document.ts";
import { Editor } from "../../editing/editor.tsx";
import { OneKey } from "../../editing/one-key.ts";
import { firstValues, givenValues, Parameters } from "../../editing/parameters.tsx";
import { problemsOf, useCheck } from "../../editing/use-check.ts";
import { usePreview } from "../../editing/use-preview.ts";
import { useSecretNames } from "../../editing/use-secret-names.ts";
import { useSubmitKey } from "../../editing/use-submit-key.ts";
import { Trouble } from "../../ui/blocks.tsx";
import { Button } from "../../ui/button.tsx";
import { Icon } from "../../ui/icon.tsx";

/** The parameters as a form, the job that they make, and where it could run. */
export function RunTemplate({ template, version }: { template: Template; version: number | undefined }) {
  const { route } = useLocation();
  const [values, setValues] = useState(() => firstValues(template));
  const [isPressed, setIsPressed] = useState(false);
  const key = useRef(new OneKey());
  const goTo = useRef<((from: number) => void) | undefined>(undefined);
  const secrets = useSecretNames();
  const { manifest, problems, error, isAway } = usePreview(template.templateId, version, values);
  const check = useCheck(problems.length === 0 ? manifest : undefined);
  const text = useMemo(() => writeDocument(manifest ?? template.job), [manifest]);
  const reading = useMemo(() => readDocument(text), [text]);
  // Nobody has filled in a form that was only just opened.
  const shown = isPressed ? problems : problems.filter(({ path }) => isEntered(path, values));
  const isRunning = useRef(false);
  const run = async () => {
    setIsPressed(true);
    if (isRunning.current || !mayI("jobs.run")) return;
    isRunning.current = true;
    const params = givenValues(values);
    try {
      const job = await compute.templates.run(template.templateId, params, {
        ...(version !== undefined && { version }),
        idempotencyKey: key.current.for([version, params]),
      });
      route(`/jobs/${job.jobId}`);
    } catch (failure) {
      // What is wrong with the values is shown at their fields.
      if (problemsOf(failure) === undefined || problems.length === 0) throw failure;
    } finally {
      isRunning.current = false;
    }
  };
  useSubmitKey(run);
  return (
    <div class="workbench">
      <section class="card">
        <header>
          <h2>Parameters</h2>
        </header>
        <div class="body stack">
          <Parameters {...{ template, values, secrets }} problems={shown} onChange={setValues} />
          <OtherProblems problems={shown} />
          {mayI("jobs.run") ? (
            <div class="row wrap">
              <Button look="main" icon="play" onClick={run}>
                Run
              </Button>
              <span class="quiet submit-keys">
                <kbd>Ctrl</kbd> <kbd>Enter</kbd>
              </span>
            </div>
          ) : (
            <p class="quiet">Your role lets you look. Ask an owner or admin for a role that may run jobs.</p>
          )}
        </div>
      </section>
      <div class="beside">
        <div class="as-yaml">
          <Editor text={text} label="The job with these values" problems={[]} isReadOnly handle={goTo} />
        </div>
        <section class="check" aria-live="polite" aria-label="Check">
          {(isAway || check.isAway) && (
            <p class="notice">
              <Icon name="wifiOff" /> The server does not answer. What you entered is kept, and the check goes
              on by itself.
            </p>
          )}
          {error !== undefined ? (
            <Trouble error={error} />
          ) : problems.length > 0 ? (
            <p class="quiet">Once the parameters are right, this shows the job and where it can run.</p>
          ) : (
            <CheckPanel check={check} reading={reading} onShow={(from) => goTo.current?.(from)} />
          )}
        </section>
      </div>
    </div>
  );
}

function isEntered(path: string | undefined, values: Readonly<Record<string, string>>): boolean {
  const name = path?.startsWith("params.") ? path.slice("params.".length) : undefined;
  return name === undefined || Boolean(values[name]);
}

/** What is wrong with the job that the values make, and with no value alone. */
function OtherProblems({ problems }: { problems: readonly { path?: string; message: string }[] }) {
  const others = problems.filter(({ path }) => !path?.startsWith("params."));
  if (others.length === 0) return null;
  return (
    <ul class="problem">
      {others.slice(0, 10).map(({ path, message }) => (
        <li key={`${path} ${message}`}>
          {path !== undefined && <code>{path.slice(0, 100)}</code>} {message}
        </li>
      ))}
    </ul>
  );
}
