import type { Template } from "../../sdk/index.ts";
import { Field } from "../ui/field.tsx";
import type { Problem } from "./document.ts";
import { Suggestions } from "./fields.tsx";
import { problemAt } from "./form.ts";

type Parameter = Template["parameters"][number];

/** What a person entered, by parameter; a text is empty if nothing was. */
export type Values = Readonly<Record<string, string>>;

interface ParametersProps {
  template: Template;
  values: Values;
  problems: readonly Problem[];
  /** The names of secrets, offered where a parameter names one. */
  secrets: readonly string[] | undefined;
  onChange(values: Values): void;
}

/** The parameters of a template, each with the control of its type. */
export function Parameters({ template, values, problems, secrets, onChange }: ParametersProps) {
  if (template.parameters.length === 0)
    return <p class="quiet">This template has no parameters: it always runs the same job.</p>;
  const secretOnes = parametersOfSecrets(template);
  return (
    <div class="stack">
      {template.parameters.map((parameter) => {
        const { name } = parameter;
        return (
          <Field
            key={name}
            label={parameter.required ? `${name} (required)` : name}
            hint={hintOf(parameter)}
            problem={problemAt({ problems }, ["params", name])}
          >
            {(tied) => (
              <Control
                parameter={parameter}
                tied={tied}
                value={values[name] ?? ""}
                suggestions={secretOnes.has(name) ? (secrets ?? []) : []}
                onChange={(value) => onChange({ ...values, [name]: value })}
              />
            )}
          </Field>
        );
      })}
    </div>
  );
}

interface ControlProps {
  parameter: Parameter;
  tied: { id: string; "aria-describedby": string; "aria-invalid": boolean };
  value: string;
  suggestions: readonly string[];
  onChange(value: string): void;
}

function Control({ parameter, tied, value, suggestions, onChange }: ControlProps) {
  const { type, required, default: fallback } = parameter;
  const onInput = (event: { currentTarget: { value: string } }) => onChange(event.currentTarget.value);
  if (type === "enum" || type === "boolean") {
    const choices = type === "boolean" ? ["true", "false"] : (parameter.values ?? []);
    const mayBeNone = fallback === undefined || value === "";
    return (
      <select {...tied} value={value} onChange={onInput} aria-required={required}>
        {mayBeNone && <option value="">{required ? "Choose one" : "None"}</option>}
        {choices.map((one) => (
          <option key={one} value={one}>
            {type === "boolean" ? (one === "true" ? "Yes" : "No") : one}
          </option>
        ))}
      </select>
    );
  }
  if (value.includes("\n"))
    return <textarea {...tied} value={value} rows={4} onInput={onInput} aria-required={required} />;
  return (
    <>
      <input
        {...tied}
        value={value}
        class={type === "file" ? "mono" : ""}
        inputMode={type === "number" ? "decimal" : undefined}
        list={suggestions.length > 0 ? `${tied.id}-list` : undefined}
        spellcheck={false}
        autocomplete="off"
        aria-required={required}
        onInput={onInput}
      />
      {suggestions.length > 0 && <Suggestions id={`${tied.id}-list`} of={suggestions} />}
    </>
  );
}

function hintOf({ help, type, min, max, default: fallback, pattern }: Parameter): string | undefined {
  const bounds =
    min !== undefined && max !== undefined
      ? `${min} to ${max}.`
      : min !== undefined
        ? `At least ${min}.`
        : max !== undefined
          ? `At most ${max}.`
          : undefined;
  const parts = [
    help && sentenceOf(help),
    type === "file" && !help ? "A path on the node." : undefined,
    bounds,
    pattern !== undefined ? `Must match ${pattern}` : undefined,
    fallback !== undefined && fallback !== "" ? `Default: ${fallback}` : undefined,
  ];
  return parts.filter((part) => part).join(" ") || undefined;
}

function sentenceOf(text: string): string {
  const first = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(first) ? first : `${first}.`;
}

/** The parameters whose value is the name of a secret. */
function parametersOfSecrets({ job }: Template): Set<string> {
  const named = [job.secretEnv, job.secretFiles].flatMap((map) =>
    typeof map === "object" && map !== null ? Object.values(map) : [],
  );
  return new Set(named.flatMap((text) => /^\{\{([\w-]+)\}\}$/.exec(String(text))?.[1] ?? []));
}

export function firstValues({ parameters }: Template, given: Values = {}): Values {
  return Object.fromEntries(
    parameters.map(({ name, default: fallback }) => [name, given[name] ?? String(fallback ?? "")]),
  );
}

/** Only what was entered: the server knows the defaults. */
export function givenValues(values: Values): Record<string, string> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== ""));
}
