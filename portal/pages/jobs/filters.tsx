import { useEffect, useId, useRef, useState } from "preact/hooks";
import { useLocation } from "preact-iso";
import { type JobStatus, jobStatuses } from "../../../sdk/index.ts";
import { type Named, nameIn } from "../../api/names.ts";
import { compute } from "../../api/session.ts";
import { useData } from "../../api/use-data.ts";
import { me } from "../../api/whoami.ts";
import { Field } from "../../ui/field.tsx";
import { Icon } from "../../ui/icon.tsx";
import { shortId } from "../../ui/job-words.ts";
import { Popover } from "../../ui/popover.tsx";
import { statusText } from "../../ui/status.tsx";
import type { Names } from "./job-cells.tsx";
import { addressOf, type JobQuery, SINCE } from "./query.ts";

const PAUSE_MS = 250;
const MAX_CHOICES = 200;

interface FiltersProps {
  query: JobQuery;
  names: Names;
}

/** The search, the filters to choose from, and those that are on, each with a cross that takes it off. */
export function Filters({ query, names }: FiltersProps) {
  const chips = chipsOf(query, names);
  return (
    <search class="job-filters">
      <div class="row wrap">
        <Search query={query} />
        <Popover label="Filter the jobs" icon="filter" text="Filter" class="filter-panel">
          <Panel query={query} names={names} />
        </Popover>
      </div>
      {chips.length > 0 && (
        <ul class="row wrap filter-chips" aria-label="Filters that are on">
          {chips.map(({ text, without }) => (
            <li key={text}>
              <a
                class="chip"
                href={addressOf(without)}
                title={text}
                aria-label={`Take off the filter ${text}`}
              >
                <span class="cut">{text}</span>
                <Icon name="x" />
              </a>
            </li>
          ))}
          <li>
            <a href="/jobs">Clear all</a>
          </li>
        </ul>
      )}
    </search>
  );
}

/** Asks while somebody types, without an entry in the history for each letter. */
function Search({ query }: { query: JobQuery }) {
  const { route } = useLocation();
  const [text, setText] = useState(query.q ?? "");
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const latest = useRef(query);
  latest.current = query;
  useEffect(() => setText(query.q ?? ""), [query.q]);
  useEffect(() => () => clearTimeout(timer.current), []);
  const ask = (q: string) => {
    clearTimeout(timer.current);
    if (q.trim() !== (latest.current.q ?? "")) route(addressOf({ ...latest.current, q: q.trim() }), true);
  };
  return (
    <input
      id="job-search"
      type="search"
      aria-label="Search jobs by a part of their name, or the start of their id"
      placeholder="Name or id…"
      autocomplete="off"
      spellcheck={false}
      value={text}
      onInput={({ currentTarget: { value } }) => {
        setText(value);
        clearTimeout(timer.current);
        timer.current = setTimeout(() => ask(value), PAUSE_MS);
      }}
      onKeyDown={(event) => {
        if (event.key === "Enter") ask(event.currentTarget.value);
        if (event.key === "Escape") event.currentTarget.blur();
      }}
    />
  );
}

/** Everything that jobs can be filtered by. Each choice acts at once. */
function Panel({ query, names }: FiltersProps) {
  const { route } = useLocation();
  const go = (change: Partial<JobQuery>) => route(addressOf({ ...query, ...change }));
  const { value: origins } = useData("job origins", (signal) => fetchOrigins(signal), {
    topics: ["templates", "schedules"],
  });
  const people = names.people.map((one, i) =>
    i === 0 && me.value ? { id: "me", name: `${one.name} (you)` } : one,
  );
  return (
    <div class="stack">
      <fieldset class="status-choices">
        <legend>Status</legend>
        {jobStatuses.map((status) => (
          <label key={status} class="choice">
            <input
              type="checkbox"
              checked={query.status.includes(status)}
              onChange={() => go({ status: toggled(query.status, status) })}
            />
            {statusText(status)}
          </label>
        ))}
      </fieldset>
      <Choice label="Submitted" value={query.since} of={sinceChoices()} onChoose={(since) => go({ since })} />
      <Choice label="By" value={query.by} of={people} onChoose={(by) => go({ by })} />
      <Choice label="Node" value={query.node} of={names.nodes} onChoose={(node) => go({ node })} />
      <Choice
        label="Template"
        value={query.template}
        of={origins?.templates ?? []}
        onChoose={(template) => go({ template })}
      />
      <Choice
        label="Schedule"
        value={query.schedule}
        of={origins?.schedules ?? []}
        onChoose={(schedule) => go({ schedule })}
      />
      <LabelField onAdd={(label) => go({ labels: [...new Set([...query.labels, label])] })} />
    </div>
  );
}

function Choice(props: {
  label: string;
  value: string | undefined;
  of: readonly Named[];
  onChoose(id: string | undefined): void;
}) {
  const { label, value = "", of, onChoose } = props;
  const isKnown = value === "" || of.some(({ id }) => id === value);
  return (
    <Field label={label}>
      {(tied) => (
        <select
          {...tied}
          value={value}
          onChange={(event) => onChoose(event.currentTarget.value || undefined)}
        >
          <option value="">Any</option>
          {!isKnown && <option value={value}>{shortId(value)}</option>}
          {of.map(({ id, name }) => (
            <option key={id} value={id}>
              {name.slice(0, 80)}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}

function LabelField({ onAdd }: { onAdd(label: string): void }) {
  const [text, setText] = useState("");
  const [problem, setProblem] = useState<string>();
  const id = useId();
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        const isPair = /^[^=\s]+\s*=/.test(text.trim());
        setProblem(isPair ? undefined : "Write a label as key=value, such as team=vision.");
        if (!isPair) return;
        onAdd(text.trim());
        setText("");
      }}
    >
      <Field label="Label that the job asks for" problem={problem}>
        {(tied) => (
          <div class="row">
            <input
              {...tied}
              id={tied.id ?? id}
              value={text}
              placeholder="team=vision"
              autocomplete="off"
              spellcheck={false}
              onInput={(event) => setText(event.currentTarget.value)}
            />
            <button type="submit" class="button">
              Add
            </button>
          </div>
        )}
      </Field>
    </form>
  );
}

async function fetchOrigins(signal: AbortSignal): Promise<{ templates: Named[]; schedules: Named[] }> {
  const page = { limit: MAX_CHOICES };
  const [{ templates }, { schedules }] = await Promise.all([
    compute.client.call("templates.list", page, { signal }),
    compute.client.call("schedules.list", page, { signal }),
  ]);
  return {
    templates: templates.map(({ templateId, name }) => ({ id: templateId, name })),
    schedules: schedules.map(({ scheduleId, name }) => ({ id: scheduleId, name: name ?? scheduleId })),
  };
}

interface FilterChip {
  text: string;
  /** What is asked for once it is taken off. */
  without: JobQuery;
}

const SINGLE = ["q", "since", "until", "by", "node", "template", "schedule", "array"] as const;

function chipsOf(query: JobQuery, names: Names): FilterChip[] {
  const saying: Record<(typeof SINGLE)[number], (value: string) => string> = {
    q: (value) => (value.startsWith("job_") ? `Id: ${value}` : `Name: ${value}`),
    since: (value) => SINCE.find((one) => one.value === value)?.text ?? `Since ${momentOf(value)}`,
    until: (value) => `Until ${momentOf(value)}`,
    by: (value) => `By ${value === "me" ? "you" : (nameIn(names.people, value) ?? shortId(value))}`,
    node: (value) => `Node: ${nameIn(names.nodes, value) ?? shortId(value)}`,
    template: (value) => `Template: ${shortId(value)}`,
    schedule: (value) => `Schedule: ${shortId(value)}`,
    array: (value) => `Array: ${shortId(value)}`,
  };
  return [
    ...query.status.map((status) => ({
      text: statusText(status),
      without: { ...query, status: toggled(query.status, status) },
    })),
    ...query.labels.map((label) => ({
      text: `Label: ${label}`,
      without: { ...query, labels: query.labels.filter((one) => one !== label) },
    })),
    ...SINGLE.flatMap((name) => {
      const value = query[name];
      return value === undefined
        ? []
        : [{ text: saying[name](value), without: { ...query, [name]: undefined } }];
    }),
  ];
}

function toggled(statuses: readonly JobStatus[], status: JobStatus): JobStatus[] {
  return statuses.includes(status) ? statuses.filter((one) => one !== status) : [...statuses, status];
}

function sinceChoices(): Named[] {
  return SINCE.map(({ value, text }) => ({ id: value, name: text }));
}

function momentOf(value: string): string {
  const ms = Date.parse(value);
  return Number.isNaN(ms) ? value : new Date(ms).toLocaleString();
}
