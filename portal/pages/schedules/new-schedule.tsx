import { useState } from "preact/hooks";
import { useLocation } from "preact-iso";
import type { EndpointInput, Schedule } from "../../../sdk/index.ts";
import { changed } from "../../api/live.ts";
import { compute } from "../../api/session.ts";
import { Card, PageHead } from "../../ui/blocks.tsx";
import { Field } from "../../ui/field.tsx";
import { Form } from "../../ui/form.tsx";
import { toast } from "../../ui/toast.tsx";
import { MISFIRES, OVERLAPS } from "./policies.ts";
import { RuleFields } from "./rule-fields.tsx";
import { nameOf } from "./schedule-parts.tsx";
import { type Work, WorkFields, workInput } from "./work-fields.tsx";

type Overlap = Schedule["overlap"];
type Misfire = Schedule["misfire"];

/** The form that makes a schedule: what to run, when, and what to do when something is in the way. */
export function NewSchedule({ query }: { query: Readonly<Record<string, string>> }) {
  const { route } = useLocation();
  const [name, setName] = useState("");
  const [cron, setCron] = useState("0 2 * * *");
  const [timeZone, setTimeZone] = useState(Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC");
  const [overlap, setOverlap] = useState<Overlap>("allow");
  const [misfire, setMisfire] = useState<Misfire>("once");
  const [jitter, setJitter] = useState("0");
  const [work, setWork] = useState<Work>(() => workOfQuery(query));
  const send = async () => {
    const input: EndpointInput<"schedules.create"> = {
      ...(name.trim() !== "" && { name: name.trim() }),
      ...{ cron, timeZone, overlap, misfire, jitterSeconds: 60 * Number(jitter) },
      ...workInput(work),
    };
    const made = await compute.schedules.create(input, { awayMs: 0 });
    changed("schedules", [made.scheduleId]);
    toast(`${nameOf(made)} is made. ${made.warnings.join(" ")}`);
    route(`/schedules/${made.scheduleId}`);
  };
  return (
    <>
      <p class="back">
        <a href="/schedules">Schedules</a>
      </p>
      <PageHead title="New schedule" />
      <div class="schedule-form">
        <Form yes="Create the schedule" onSend={send} onLeave={() => route("/schedules")}>
          <Card title="What to run">
            <div class="stack">
              <Field label="Name (optional)" hint="Jobs without a name of their own get it.">
                {(tied) => (
                  <input
                    {...tied}
                    value={name}
                    maxLength={200}
                    placeholder="nightly-backup"
                    autocomplete="off"
                    onInput={(event) => setName(event.currentTarget.value)}
                  />
                )}
              </Field>
              <WorkFields work={work} onWork={setWork} />
            </div>
          </Card>
          <Card title="When">
            <RuleFields cron={cron} onCron={setCron} timeZone={timeZone} onTimeZone={setTimeZone} />
          </Card>
          <Card title="When something is in the way">
            <div class="stack">
              <Choice
                label="If an earlier job is not over"
                of={OVERLAPS}
                value={overlap}
                onValue={setOverlap}
              />
              <Choice label="If no server was running" of={MISFIRES} value={misfire} onValue={setMisfire} />
              <Field
                label="Spread the start over (minutes)"
                hint="Each fire starts up to this much later, so that many schedules do not start at the same moment."
              >
                {(tied) => (
                  <input
                    {...tied}
                    type="number"
                    min={0}
                    max={1_440}
                    step="any"
                    value={jitter}
                    onInput={(event) => setJitter(event.currentTarget.value)}
                  />
                )}
              </Field>
            </div>
          </Card>
        </Form>
      </div>
    </>
  );
}

function Choice<Key extends string>(props: {
  label: string;
  of: Readonly<Record<Key, { choice: string }>>;
  value: Key;
  onValue(value: Key): void;
}) {
  return (
    <Field label={props.label}>
      {(tied) => (
        <select
          {...tied}
          value={props.value}
          onChange={(event) => props.onValue(event.currentTarget.value as Key)}
        >
          {(Object.entries(props.of) as [Key, { choice: string }][]).map(([key, { choice }]) => (
            <option key={key} value={key}>
              {choice}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}

function workOfQuery({ template, job }: Readonly<Record<string, string>>): Work {
  if (template !== undefined) return { kind: "template", template, parameters: {} };
  if (job !== undefined) return { kind: "job", jobId: job, manifest: undefined };
  return { kind: "command", command: "", pool: "", timeoutMinutes: "", cpu: "", memoryMb: "" };
}
