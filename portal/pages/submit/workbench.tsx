import type { ComponentChildren } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { bytesText, type Job } from "../../../sdk/index.ts";
import { CheckPanel } from "../../editing/check-panel.tsx";
import { changeDocument, type Fields, type Problem, readDocument } from "../../editing/document.ts";
import { Editor } from "../../editing/editor.tsx";
import type { Form } from "../../editing/form.ts";
import { type Check, type Report, useCheck } from "../../editing/use-check.ts";
import { useSubmitKey } from "../../editing/use-submit-key.ts";
import { Button } from "../../ui/button.tsx";
import { Icon } from "../../ui/icon.tsx";
import type { GivenFile } from "./dropped-files.ts";
import { FileDrop } from "./file-drop.tsx";
import { JobForm } from "./job-form.tsx";
import { withInput } from "./send.ts";
import { useKnown } from "./use-known.ts";
import { type Progress, useSubmit } from "./use-submit.ts";

interface WorkbenchProps {
  /** The name under which the draft is kept. */
  start: string;
  text: string;
  onText(text: string): void;
  /** Above the form, such as the parameters of a template. */
  children?: ComponentChildren;
  /** Submits in another way than as this manifest. */
  run?: ((idempotencyKey: string, signal: AbortSignal) => Promise<Job>) | undefined;
}

/** A job as a form and as YAML, side by side: two views of one text. */
export function Workbench(props: WorkbenchProps) {
  const { text, children } = props;
  const [view, setView] = useState<View>("form");
  const goTo = useRef<((from: number) => void) | undefined>(undefined);
  const checkPlace = useRef<HTMLDivElement>(null);
  const job = useJob(props, () => checkPlace.current?.focus());
  const { reading, form, check, files, progress } = job;
  const known = useKnown();
  const isBusy = progress !== "idle";
  const isUnread = reading.fields === undefined;
  const show = (from: number) => {
    setView("yaml");
    requestAnimationFrame(() => goTo.current?.(from));
  };
  return (
    <>
      <Views view={view} onView={setView} />
      <div class={`workbench shows-${view}`}>
        <div class="as-form stack">
          {children}
          {isUnread && (
            <p class="notice" role="status">
              <Icon name="alert" /> The YAML has a mistake in line {reading.syntax[0]?.line}. The form goes on
              once it can be read.
            </p>
          )}
          <fieldset class="plain-set" disabled={isUnread || isBusy}>
            <JobForm
              form={form}
              known={known}
              files={
                <FileDrop
                  files={files}
                  isBusy={isBusy}
                  isSource={form.fields.type === "GITHUB_ACTION"}
                  onChange={job.setFiles}
                />
              }
            />
          </fieldset>
        </div>
        <div class="beside">
          <div class="as-yaml">
            <Editor
              text={text}
              label="The job as YAML"
              problems={job.marks}
              onChange={job.change}
              onSubmit={() => void job.begin()}
              isReadOnly={isBusy}
              handle={goTo}
            />
          </div>
          <section class="check" ref={checkPlace} tabIndex={-1} aria-live="polite" aria-label="Check">
            {check.isAway && (
              <p class="notice">
                <Icon name="wifiOff" /> The server does not answer. Your draft is kept, and the check goes on
                by itself.
              </p>
            )}
            <CheckPanel check={check} reading={reading} onShow={show} />
          </section>
        </div>
      </div>
      <SubmitBar
        progress={progress}
        check={check}
        wrong={reading.syntax.length || check.problems.length}
        onSubmit={job.begin}
        onShowCheck={() => checkPlace.current?.focus()}
        onCancel={job.cancel}
      />
    </>
  );
}

/** The job of a text: what it means, what is wrong with it, the files that go with it, and its way to the server. */
function useJob({ start, text, onText, run }: WorkbenchProps, onRefused: () => void) {
  const [files, setFiles] = useState<GivenFile[]>([]);
  // Several changes may come before the page is shown again.
  const current = useRef(text);
  current.current = text;
  const change = (next: string) => {
    current.current = next;
    onText(next);
  };
  const reading = useMemo(() => readDocument(text), [text]);
  const { fields } = reading;
  // While the text cannot be read, the form shows what it last said.
  const good = useRef<Fields>({});
  if (fields) good.current = fields;
  const isStarted = text.trim() !== "" || files.length > 0;
  const check = useCheck(fields && isStarted ? (files.length > 0 ? withInput(fields) : fields) : undefined);
  const { progress, cancel, ...sending } = useSubmit({
    ...{ fields, files, start, run },
    onSent(from) {
      const { inputs } = withInput(readDocument(current.current).fields ?? {}, from);
      change(changeDocument(current.current, ["inputs"], inputs));
      setFiles([]);
    },
    onProblems(problems) {
      check.say(problems);
      onRefused();
    },
  });
  const begin = () => {
    if (fields === undefined) onRefused();
    return sending.start();
  };
  useSubmitKey(begin);
  useUnloadQuestion(files.length > 0);
  const set: Form["set"] = (path, value) => change(changeDocument(current.current, path, value));
  const form: Form = { fields: good.current, problems: check.problems, set };
  const marks = useMemo(() => marksOf(reading, check.problems), [reading, check.problems]);
  return { reading, form, check, marks, files, setFiles, change, begin, progress, cancel };
}

/** The browser asks before it leaves the page: a draft is kept, but the files of a person are not. */
function useUnloadQuestion(isOn: boolean): void {
  useEffect(() => {
    if (!isOn) return;
    const ask = (event: BeforeUnloadEvent) => event.preventDefault();
    addEventListener("beforeunload", ask);
    return () => removeEventListener("beforeunload", ask);
  }, [isOn]);
}

type View = "form" | "yaml";

/** On a narrow window there is room for one view. */
function Views({ view, onView }: { view: View; onView(view: View): void }) {
  return (
    <fieldset class="row plain-set form-views">
      <legend class="spoken">View</legend>
      {(["form", "yaml"] as const).map((one) => (
        <button key={one} type="button" aria-pressed={view === one} onClick={() => onView(one)}>
          {one === "form" ? "Form" : "YAML"}
        </button>
      ))}
    </fieldset>
  );
}

function marksOf(reading: ReturnType<typeof readDocument>, problems: readonly Problem[]) {
  if (reading.syntax.length > 0) return reading.syntax;
  return problems.map(({ path = "", message }) => ({ ...reading.placeOf(path), message }));
}

interface SubmitBarProps {
  progress: Progress;
  check: Check;
  /** How many things are wrong. */
  wrong: number;
  onSubmit(): unknown;
  onCancel(): void;
  onShowCheck(): void;
}

function SubmitBar({ progress, check, wrong, onSubmit, onCancel, onShowCheck }: SubmitBarProps) {
  const isBusy = progress !== "idle";
  return (
    <div class="submit-bar">
      <div class="grow" role="status">
        {typeof progress === "object" ? (
          <Uploading {...progress} />
        ) : isBusy ? (
          <span class="quiet">Submitting…</span>
        ) : wrong > 0 ? (
          <button type="button" class="link bad-text" onClick={onShowCheck}>
            <Icon name="alert" /> {wrong === 1 ? "1 thing" : `${wrong} things`} to change
          </button>
        ) : check.isChecking ? (
          <span class="quiet">Checking…</span>
        ) : (
          check.report && <Ready of={check.report} />
        )}
      </div>
      {isBusy && <Button onClick={onCancel}>Cancel</Button>}
      <Button look="main" icon="play" onClick={onSubmit} disabled={isBusy}>
        Submit
      </Button>
      <span class="quiet submit-keys">
        <kbd>Ctrl</kbd> <kbd>Enter</kbd>
      </span>
    </div>
  );
}

function Ready({ of: { nodes, schedulable } }: { of: Report }) {
  const now = nodes.filter(({ verdict }) => verdict === "fits").length;
  if (now > 0)
    return (
      <span class="good-text">
        <Icon name="circleCheck" /> Can start now{nodes.length > 1 && ` on ${now} of ${nodes.length} nodes`}
      </span>
    );
  return schedulable ? (
    <span class="quiet">
      <Icon name="clock" /> Waits for a node
    </span>
  ) : (
    <span class="warn-text">
      <Icon name="alert" /> No node can run it yet
    </span>
  );
}

function Uploading({ sentBytes, bytes }: { sentBytes: number; bytes: number }) {
  return (
    <label class="row">
      <span>
        Sending {bytesText(Math.min(sentBytes, bytes))} of {bytesText(bytes)}
      </span>
      <progress max={Math.max(bytes, 1)} value={sentBytes} />
    </label>
  );
}
