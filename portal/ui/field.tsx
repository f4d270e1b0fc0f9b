import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";

interface FieldProps {
  label: string;
  hint?: ComponentChildren;
  /** What is wrong with what is in it now. */
  problem?: string | undefined;
  /** Gets the attributes that tie the control to its label, hint and problem. */
  children(tied: { id: string; "aria-describedby": string; "aria-invalid": boolean }): ComponentChildren;
}

/** A control with its label above it, and what helps or is wrong below it. */
export function Field({ label, hint, problem, children }: FieldProps) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {children({ id, "aria-describedby": `${id}-more`, "aria-invalid": problem !== undefined })}
      <div id={`${id}-more`}>
        {problem !== undefined && <p class="problem">{problem}</p>}
        {hint !== undefined && <p class="hint">{hint}</p>}
      </div>
    </div>
  );
}
