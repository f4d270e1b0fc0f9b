import { useEffect, useId, useRef, useState } from "preact/hooks";

interface TypedProps {
  label: string;
  /** An example, shown while it is empty. */
  hint?: string;
  value: string | undefined;
  /** Called when the person stops typing, and at Enter. */
  onValue(value: string): void;
}

const PAUSE_MS = 300;

/** A field of a filter, which acts while the person types. */
export function Typed({ label, hint, value = "", onValue }: TypedProps) {
  const id = useId();
  const [text, setText] = useState(value);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  // The address may change without the field, for example when the person goes back.
  useEffect(() => setText(value), [value]);
  useEffect(() => () => clearTimeout(timer.current), []);
  const tell = (said: string) => {
    clearTimeout(timer.current);
    if (said !== value) onValue(said);
  };
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <input
        id={id}
        type="search"
        value={text}
        placeholder={hint}
        autocomplete="off"
        spellcheck={false}
        onInput={(event) => {
          const said = event.currentTarget.value;
          setText(said);
          clearTimeout(timer.current);
          timer.current = setTimeout(() => tell(said), PAUSE_MS);
        }}
        onKeyDown={(event) => event.key === "Enter" && tell(event.currentTarget.value)}
      />
    </div>
  );
}
