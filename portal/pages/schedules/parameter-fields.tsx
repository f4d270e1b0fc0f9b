import type { TemplateSummary } from "../../../sdk/index.ts";
import { Field } from "../../ui/field.tsx";

export type ParameterValues = Record<string, string | number | boolean>;
type Parameter = TemplateSummary["parameters"][number];

interface ParameterFieldsProps {
  of: readonly Parameter[];
  values: ParameterValues;
  onValues(values: ParameterValues): void;
}

/** A field for each parameter of a template. What is left empty gets its default from the server. */
export function ParameterFields({ of, values, onValues }: ParameterFieldsProps) {
  const set = (name: string, value: string) => {
    const { [name]: _, ...others } = values;
    onValues(value === "" ? others : { ...others, [name]: value });
  };
  return (
    <div class="columns narrow">
      {of.map((parameter) => (
        <Field
          key={parameter.name}
          label={parameter.required ? parameter.name : `${parameter.name} (optional)`}
          hint={parameter.help}
        >
          {(tied) => (
            <ParameterInput
              tied={tied}
              parameter={parameter}
              value={String(values[parameter.name] ?? "")}
              onValue={(value) => set(parameter.name, value)}
            />
          )}
        </Field>
      ))}
    </div>
  );
}

function ParameterInput(props: {
  tied: object;
  parameter: Parameter;
  value: string;
  onValue(value: string): void;
}) {
  const { tied, parameter, value, onValue } = props;
  const { type, required, min, max, values } = parameter;
  const fallback = parameter.default === undefined ? undefined : String(parameter.default);
  const choices = type === "boolean" ? ["true", "false"] : values;
  if (choices)
    return (
      <select
        {...tied}
        required={required}
        value={value}
        onChange={(event) => onValue(event.currentTarget.value)}
      >
        <option value="">{fallback === undefined ? "Choose one" : `${fallback} (default)`}</option>
        {choices.map((choice) => (
          <option key={choice} value={choice}>
            {choice}
          </option>
        ))}
      </select>
    );
  const common = { ...tied, required, value, placeholder: fallback };
  const onInput = (event: { currentTarget: HTMLInputElement }) => onValue(event.currentTarget.value);
  return type === "number" ? (
    <input {...common} type="number" step="any" min={min} max={max} onInput={onInput} />
  ) : (
    <input {...common} autocomplete="off" onInput={onInput} />
  );
}
