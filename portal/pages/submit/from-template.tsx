import { useEffect, useMemo, useState } from "preact/hooks";
import type { Template } from "../../../sdk/index.ts";
import { compute } from "../../api/session.ts";
import { useData } from "../../api/use-data.ts";
import { writeDocument } from "../../editing/document.ts";
import { forgetDraft, loadDraft, loadValues, saveDraft, saveValues } from "../../editing/draft.ts";
import { firstValues, givenValues, Parameters } from "../../editing/parameters.tsx";
import { usePreview } from "../../editing/use-preview.ts";
import { useSecretNames } from "../../editing/use-secret-names.ts";
import { Card, Trouble, Waiting } from "../../ui/blocks.tsx";
import { Button } from "../../ui/button.tsx";
import { Workbench } from "./workbench.tsx";

/** A new job from a template: its parameters make the job, until somebody changes the job itself. */
export function FromTemplate({ start, id }: { start: string; id: string }) {
  const { value, error, refresh } = useData(`template ${id}`, (signal) =>
    compute.templates.retrieve(id, { signal }),
  );
  if (value) return <OfTemplate start={start} template={value} />;
  return error === undefined ? <Waiting /> : <Trouble error={error} onRetry={refresh} />;
}

function OfTemplate({ start, template }: { start: string; template: Template }) {
  const { templateId, name, version } = template;
  const [values, setValues] = useState(() => firstValues(template, loadValues(start)));
  const [own, setOwn] = useState(() => loadDraft(start)?.text);
  const { manifest, problems, error } = usePreview(templateId, version, values);
  const secrets = useSecretNames();
  const made = useMemo(() => (manifest ? writeDocument(manifest) : ""), [manifest]);
  useEffect(() => saveValues(start, values), [values]);
  const run = (idempotencyKey: string, signal: AbortSignal) =>
    compute.templates.run(templateId, givenValues(values), { version, idempotencyKey, signal });
  const change = (text: string) => {
    setOwn(text);
    saveDraft(start, text);
  };
  const takeBack = () => {
    forgetDraft(start);
    saveValues(start, values);
    setOwn(undefined);
  };
  return (
    <Workbench start={start} text={own ?? made} onText={change} run={own === undefined ? run : undefined}>
      <Card
        title={
          <>
            From the template <a href={`/templates/${templateId}`}>{name}</a>
          </>
        }
      >
        {error !== undefined && <Trouble error={error} />}
        {own === undefined ? (
          <Parameters {...{ template, values, problems, secrets }} onChange={setValues} />
        ) : (
          <div class="stack">
            <p>You have changed the job itself, so the parameters no longer make it.</p>
            <div>
              <Button icon="retry" onClick={takeBack}>
                Use the parameters again
              </Button>
            </div>
          </div>
        )}
      </Card>
    </Workbench>
  );
}
