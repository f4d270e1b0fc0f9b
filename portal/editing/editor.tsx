import type { ComponentType, RefObject } from "preact";
import { useEffect, useId, useState } from "preact/hooks";
import { Trouble, Waiting } from "../ui/blocks.tsx";

/** A problem at its place in the text: offsets, the end exclusive. */
export interface Mark {
  from: number;
  to: number;
  message: string;
  isWarning?: boolean;
}

export interface EditorProps {
  text: string;
  /** What it edits, for people who cannot see it. */
  label: string;
  problems: readonly Mark[];
  /** Called with the whole text after each change that a person makes. */
  onChange?(text: string): void;
  /** Ctrl-Enter or Cmd-Enter. */
  onSubmit?(): unknown;
  isReadOnly?: boolean;
  /** Gets a function that puts the cursor at an offset. */
  handle?: RefObject<((from: number) => void) | undefined>;
}

/** YAML with colours, line numbers and marks. The editor itself is loaded when it is first shown. */
export function Editor(props: EditorProps) {
  const id = useId();
  const [Loaded, setLoaded] = useState<ComponentType<EditorProps>>();
  const [error, setError] = useState<unknown>();
  const load = () => {
    setError(undefined);
    import("./code-editor.tsx").then((part) => setLoaded(() => part.default)).catch(setError);
  };
  useEffect(load, []);
  return (
    <section class="editor" aria-describedby={id} aria-label={props.label}>
      <div class="editor-frame">
        {Loaded ? (
          <Loaded {...props} />
        ) : error === undefined ? (
          <div class="body">
            <Waiting lines={6} label="The editor is loading" />
          </div>
        ) : (
          <Trouble error={error} onRetry={load} />
        )}
      </div>
      {!props.isReadOnly && (
        <p id={id} class="quiet editor-hint">
          <kbd>Esc</kbd> then <kbd>Tab</kbd> leaves the editor.
        </p>
      )}
    </section>
  );
}
