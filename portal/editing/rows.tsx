import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";
import { Button } from "../ui/button.tsx";
import type { Fields, Path } from "./document.ts";
import { useDrafted } from "./drafted.ts";
import { Suggestions } from "./fields.tsx";
import { type Form, problemAt, valueAt } from "./form.ts";

type Row = readonly string[];

interface RowColumn {
  name: string;
  placeholder?: string;
  suggestions?: readonly string[];
  /** Only these values. */
  choices?: readonly (readonly [value: string, text: string])[];
}

interface RowsProps {
  form: Form;
  path: Path;
  label: string;
  hint?: ComponentChildren;
  columns: readonly RowColumn[];
  /** The word on the button that adds a row. */
  add: string;
  read(value: unknown): Row[];
  mean(rows: Row[]): unknown;
}

/** A list or a map of the manifest, a row for each entry. */
export function RowsField({ form, path, label, hint, columns, add, read, mean }: RowsProps) {
  const id = useId();
  const [rows, change] = useDrafted(valueAt(form.fields, path), read, mean);
  const set = (next: Row[]) => form.set(path, change(next));
  const problem = problemAt(form, path);
  const focusRow = (index: number) =>
    requestAnimationFrame(() => document.getElementById(`${id}-${index}-0`)?.focus());
  return (
    <fieldset class="field rows" aria-describedby={`${id}-more`}>
      <legend class="label">{label}</legend>
      {rows.map((row, i) => (
        <div class="row" key={i}>
          {columns.map((column, j) => (
            <Cell
              key={column.name}
              id={`${id}-${i}-${j}`}
              label={`${label} ${i + 1}: ${column.name}`}
              column={column}
              value={row[j] ?? ""}
              isWrong={problem !== undefined}
              onChange={(value) => set(rows.map((one, at) => (at === i ? replaced(one, j, value) : one)))}
            />
          ))}
          <Button
            look="plain"
            icon="x"
            label={`Remove ${label} ${i + 1}`}
            onClick={() => set(rows.filter((_, at) => at !== i))}
          />
        </div>
      ))}
      <div>
        <Button
          icon="plus"
          look="plain"
          onClick={() => {
            set([...rows, columns.map(({ choices }) => choices?.[0]?.[0] ?? "")]);
            focusRow(rows.length);
          }}
        >
          {add}
        </Button>
      </div>
      <div id={`${id}-more`}>
        {problem !== undefined && <p class="problem">{problem}</p>}
        {hint !== undefined && <p class="hint">{hint}</p>}
      </div>
    </fieldset>
  );
}

function Cell(props: {
  id: string;
  label: string;
  column: RowColumn;
  value: string;
  isWrong: boolean;
  onChange(value: string): void;
}) {
  const { id, label, column, value, isWrong, onChange } = props;
  const { choices, suggestions = [], placeholder } = column;
  if (choices)
    return (
      <select
        id={id}
        aria-label={label}
        value={value}
        onChange={(event) => onChange(event.currentTarget.value)}
      >
        {choices.map(([one, text]) => (
          <option key={one} value={one}>
            {text}
          </option>
        ))}
      </select>
    );
  return (
    <>
      <input
        id={id}
        class="mono"
        aria-label={label}
        aria-invalid={isWrong}
        placeholder={placeholder ?? column.name}
        value={value}
        spellcheck={false}
        autocomplete="off"
        list={suggestions.length > 0 ? `${id}-list` : undefined}
        onInput={(event) => onChange(event.currentTarget.value)}
      />
      {suggestions.length > 0 && <Suggestions id={`${id}-list`} of={suggestions} />}
    </>
  );
}

function replaced(row: Row, at: number, value: string): Row {
  const cells = [...row];
  cells[at] = value;
  return cells;
}

/** A map of texts: a row has a name and a value. */
export const pairs = {
  read: (value: unknown): Row[] =>
    isMap(value) ? Object.entries(value).map(([name, one]) => [name, textOf(one)]) : [],
  mean: (rows: Row[]): unknown => {
    const named = rows.filter(([name]) => name);
    return named.length === 0
      ? undefined
      : Object.fromEntries(named.map(([name, value]) => [name, value ?? ""]));
  },
};

/** A list of texts without empty ones. */
export const texts = {
  read: (value: unknown): Row[] => (Array.isArray(value) ? value.map((one) => [textOf(one)]) : []),
  mean: (rows: Row[]): unknown => {
    const kept = rows.map(([text]) => text).filter((text) => text);
    return kept.length === 0 ? undefined : kept;
  },
};

/** A list of maps with these fields; the first one must not be empty, and the others may. */
export function records(...names: [string, ...string[]]) {
  return {
    read: (value: unknown): Row[] =>
      Array.isArray(value) ? value.filter(isMap).map((one) => names.map((name) => textOf(one[name]))) : [],
    mean: (rows: Row[]): unknown => {
      const kept = rows
        .filter(([first]) => first)
        .map((row) => Object.fromEntries(names.flatMap((name, i) => (row[i] ? [[name, row[i]]] : []))));
      return kept.length === 0 ? undefined : kept;
    },
  };
}

function isMap(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function textOf(value: unknown): string {
  if (value === undefined || value === null) return "";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
