import { useEffect, useMemo, useState } from "preact/hooks";
import { useLocation } from "preact-iso";
import type { Template, TemplateFileInput } from "../../../sdk/index.ts";
import { compute } from "../../api/session.ts";
import { isTemplateValue, type Problem, readDocument } from "../../editing/document.ts";
import { forgetDraft, loadDraft, saveDraft } from "../../editing/draft.ts";
import { Editor } from "../../editing/editor.tsx";
import { sentence } from "../../editing/form.ts";
import { NEW_TEMPLATE, textOfTemplate } from "../../editing/template-text.ts";
import { problemsOf } from "../../editing/use-check.ts";
import { useSubmitKey } from "../../editing/use-submit-key.ts";
import { PageHead, Trouble } from "../../ui/blocks.tsx";
import { Button } from "../../ui/button.tsx";
import { toast } from "../../ui/toast.tsx";

export function NewTemplate() {
  const { route } = useLocation();
  return (
    <>
      <PageHead title="New template">
        <p class="quiet">
          A job with parameters: <code>{"{{name}}"}</code> in a text of the job stands for the value of the
          parameter.
        </p>
      </PageHead>
      <Writing
        draft="template new"
        text={NEW_TEMPLATE}
        save="Create the template"
        onSave={async (file) => {
          const made = await compute.templates.create(file);
          toast(`${made.name} is made.`);
          route(`/templates/${made.templateId}`);
        }}
      />
    </>
  );
}

/** Every change that is saved is a new version. */
export function EditTemplate({ template, onSaved }: { template: Template; onSaved(): void }) {
  const { route } = useLocation();
  const { templateId, version } = template;
  return (
    <Writing
      key={version}
      draft={`template ${templateId} ${version}`}
      text={textOfTemplate(template)}
      save="Save as a new version"
      onSave={async (file) => {
        const saved = await compute.templates.edit({
          template: templateId,
          expectedVersion: version,
          ...file,
        });
        toast(saved.version === version ? "Nothing has changed." : `Version ${saved.version} is saved.`);
        onSaved();
        route(`/templates/${templateId}`);
      }}
    />
  );
}

interface WritingProps {
  /** The name under which the draft is kept. */
  draft: string;
  text: string;
  save: string;
  onSave(file: TemplateFileInput): Promise<void>;
}

/** A template as YAML, with what the server finds wrong with it at its lines. */
function Writing({ draft, text: first, save, onSave }: WritingProps) {
  const [text, setText] = useState(() => loadDraft(draft)?.text ?? first);
  const [refused, setRefused] = useState<{ of: string; problems: readonly Problem[]; error?: unknown }>();
  const reading = useMemo(() => readDocument(text, isTemplateValue), [text]);
  useEffect(() => {
    if (text !== first) saveDraft(draft, text);
  }, [text]);
  const problems = reading.syntax.length > 0 ? reading.syntax : (refused?.problems ?? []);
  const marks = useMemo(
    () =>
      reading.syntax.length > 0
        ? reading.syntax
        : (refused?.problems ?? []).map(({ path = "", message }) => ({ ...reading.placeOf(path), message })),
    [reading, refused],
  );
  const send = async () => {
    if (!reading.fields) return;
    setRefused(undefined);
    try {
      await onSave(reading.fields as unknown as TemplateFileInput);
      forgetDraft(draft);
    } catch (error) {
      const named = problemsOf(error);
      setRefused(named ? { of: text, problems: named } : { of: text, problems: [], error });
    }
  };
  useSubmitKey(send);
  return (
    <div class="stack writing">
      <Editor
        text={text}
        label="The template as YAML"
        problems={marks}
        onChange={setText}
        onSubmit={() => void send()}
      />
      <div aria-live="polite">
        {problems.length > 0 && (
          <div class="problems trouble">
            <h2>This cannot be saved yet</h2>
            <ul>
              {problems.slice(0, 20).map((problem) => {
                const { path, message } = problem;
                const { line } =
                  "line" in problem ? (problem as { line: number }) : reading.placeOf(path ?? "");
                return (
                  <li key={`${path} ${message}`}>
                    <span class="number">Line {line}</span>
                    <span>
                      {path !== undefined && <code>{path.slice(0, 100)}</code>} {sentence(message)}
                    </span>
                  </li>
                );
              })}
            </ul>
          </div>
        )}
        {refused?.error !== undefined && <Trouble error={refused.error} />}
      </div>
      <div class="row wrap">
        <Button look="main" icon="save" onClick={send} disabled={reading.fields === undefined}>
          {save}
        </Button>
        {text !== first && (
          <Button
            onClick={() => {
              forgetDraft(draft);
              setRefused(undefined);
              setText(first);
            }}
          >
            Take back my changes
          </Button>
        )}
        <span class="quiet">The server keeps what it says; comments are not kept.</span>
      </div>
    </div>
  );
}
