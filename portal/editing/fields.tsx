import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";
import { Field } from "../ui/field.tsx";
import type { Path } from "./document.ts";
import { useDrafted } from "./drafted.ts";
import { type Form, problemAt, valueAt } from "./form.ts";

interface FieldOf {
  form: Form;
  path: Path;
  label: string;
  hint?: ComponentChildren;
}

interface TextFieldProps extends FieldOf {
  placeholder?: string;
  /** Offered while typing; anything else is allowed too. */
  suggestions?: readonly string[];
  /** How many lines are shown; absent: one. */
  lines?: number;
  isCode?: boolean;
  /** What the text means, such as a number. Default: itself. */
  mean?(text: string): unknown;
}

/** A text of the manifest. An empty one removes the field. */
export function TextField(props: TextFieldProps) {
  const { form, path, label, hint, placeholder, suggestions = [], lines, isCode, mean = asText } = props;
  const id = useId();
  const [text, change] = useDrafted(valueAt(form.fields, path), textOf, mean);
  const onInput = (event: { currentTarget: { value: string } }) =>
    form.set(path, change(event.currentTarget.value));
  const shared = { value: text, placeholder, onInput, spellcheck: false, autocomplete: "off" as const };
  return (
    <Field label={label} hint={hint} problem={problemAt(form, path)}>
      {(tied) =>
        lines === undefined ? (
          <>
            <input
              {...tied}
              {...shared}
              class={isCode ? "mono" : ""}
              list={suggestions.length > 0 ? id : undefined}
            />
            {suggestions.length > 0 && <Suggestions id={id} of={suggestions} />}
          </>
        ) : (
          <textarea {...tied} {...shared} rows={lines} />
        )
      }
    </Field>
  );
}

/** A number of the manifest. What is no number stays a text, and the check says so. */
export function NumberField(props: Omit<TextFieldProps, "mean" | "lines">) {
  return <TextField {...props} mean={asNumber} />;
}

/** Seconds, which may be written as `90s`, `30m`, `2h` or `1d`. */
export function SecondsField(props: Omit<TextFieldProps, "mean" | "lines">) {
  return <TextField {...props} mean={asSeconds} />;
}

export function Suggestions({ id, of }: { id: string; of: readonly string[] }) {
  return (
    <datalist id={id}>
      {of.map((text) => (
        <option key={text} value={text} />
      ))}
    </datalist>
  );
}

function textOf(value: unknown): string {
  if (value === undefined || value === null) return "";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

function asText(text: string): unknown {
  return text === "" ? undefined : text;
}

function asNumber(text: string): unknown {
  const trimmed = text.trim();
  return /^-?\d+(\.\d*)?$/.test(trimmed) ? Number(trimmed) : asText(trimmed);
}

const UNIT_SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 };

function asSeconds(text: string): unknown {
  const [, amount, unit = "s"] = /^(\d+(?:\.\d+)?)\s*([smhd])$/.exec(text.trim()) ?? [];
  return amount === undefined ? asNumber(text) : Number(amount) * (UNIT_SECONDS[unit] ?? 1);
}
