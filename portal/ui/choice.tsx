/** A few alternatives in a row, of which one is on. */
export function Choice<Value extends string>(props: {
  label: string;
  options: readonly { value: Value; text: string }[];
  value: Value;
  onChoose(value: Value): void;
}) {
  return (
    <fieldset class="segments">
      <legend class="spoken">{props.label}</legend>
      {props.options.map(({ value, text }) => (
        <button
          key={value}
          type="button"
          aria-pressed={value === props.value}
          onClick={() => props.onChoose(value)}
        >
          {text}
        </button>
      ))}
    </fieldset>
  );
}
