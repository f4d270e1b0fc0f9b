import { indentWithTab } from "@codemirror/commands";
import { yaml } from "@codemirror/lang-yaml";
import { HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import { type Diagnostic, lintGutter, setDiagnostics } from "@codemirror/lint";
import { Compartment, EditorState, Prec } from "@codemirror/state";
import { EditorView, keymap } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { basicSetup } from "codemirror";
import { useEffect, useRef } from "preact/hooks";
import type { EditorProps } from "./editor.tsx";

/**
 * CodeMirror. It lives in a shadow tree: there the browser lets it bring its styles as objects, and the policy of the page
 * may refuse every style that is written into it.
 */
export default function CodeEditor({
  text,
  label,
  problems,
  onChange,
  onSubmit,
  isReadOnly,
  handle,
}: EditorProps) {
  const place = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView | undefined>(undefined);
  const latest = useRef({ onChange, onSubmit });
  latest.current = { onChange, onSubmit };
  const readOnly = useRef(new Compartment());

  useEffect(() => {
    const host = place.current;
    if (!host) return;
    const root = host.shadowRoot ?? host.attachShadow({ mode: "open" });
    const made = new EditorView({
      root,
      parent: root,
      state: EditorState.create({
        doc: text,
        extensions: [
          // The editor's own meaning of this key would be a blank line.
          Prec.highest(
            keymap.of([{ key: "Mod-Enter", run: () => latest.current.onSubmit?.() !== undefined }]),
          ),
          basicSetup,
          keymap.of([indentWithTab]),
          yaml(),
          TYPING_OVER,
          lintGutter(),
          THEME,
          syntaxHighlighting(COLOURS),
          EditorState.tabSize.of(2),
          EditorView.lineWrapping,
          EditorView.contentAttributes.of({ "aria-label": label }),
          readOnly.current.of([]),
          EditorView.updateListener.of((update) => {
            const isOurs = update.transactions.every((one) => one.isUserEvent("form"));
            if (update.docChanged && !isOurs) latest.current.onChange?.(update.state.doc.toString());
          }),
        ],
      }),
    });
    view.current = made;
    if (handle) handle.current = (from) => show(made, from);
    return () => {
      if (handle) handle.current = undefined;
      made.destroy();
    };
  }, []);

  useEffect(() => {
    if (view.current) replace(view.current, text);
  }, [text]);
  useEffect(() => {
    const off = [EditorState.readOnly.of(true), EditorView.editable.of(true)];
    view.current?.dispatch({ effects: readOnly.current.reconfigure(isReadOnly ? off : []) });
  }, [isReadOnly]);
  useEffect(() => {
    const { current } = view;
    if (!current) return;
    const end = current.state.doc.length;
    const marks = problems.map(({ from, to, message, isWarning }): Diagnostic => {
      const start = Math.min(from, end);
      return {
        from: start,
        to: Math.min(Math.max(to, start), end),
        message,
        severity: isWarning ? "warning" : "error",
      };
    });
    current.dispatch(setDiagnostics(current.state, marks));
  }, [problems, text]);

  return <div ref={place} class="code-editor" />;
}

/**
 * Typing over a selection. The browser would write the colours of the old text into the page as a style, which the policy
 * refuses; so the editor makes the change itself.
 */
const TYPING_OVER = EditorView.domEventHandlers({
  beforeinput(event, view) {
    const { main, ranges } = view.state.selection;
    const { data, inputType } = event;
    if (inputType !== "insertText" || !data || main.empty || ranges.length > 1 || view.composing)
      return false;
    const { from, to } = main;
    const text = data.replaceAll("\r\n", "\n");
    const insert = () =>
      view.state.update({ ...view.state.replaceSelection(view.state.toText(text)), userEvent: "input.type" });
    const isHandled = view.state
      .facet(EditorView.inputHandler)
      .some((handle) => handle(view, from, to, text, insert));
    if (!isHandled) view.dispatch(insert());
    event.preventDefault();
    return true;
  },
});

/** Changes only what differs, so that the cursor and what can be undone stay. */
function replace(view: EditorView, text: string): void {
  const old = view.state.doc.toString();
  if (old === text) return;
  const shorter = Math.min(old.length, text.length);
  let from = 0;
  while (from < shorter && old[from] === text[from]) from++;
  let same = 0;
  while (same < shorter - from && old[old.length - 1 - same] === text[text.length - 1 - same]) same++;
  view.dispatch({
    changes: { from, to: old.length - same, insert: text.slice(from, text.length - same) },
    userEvent: "form",
  });
}

function show(view: EditorView, from: number): void {
  const at = Math.min(from, view.state.doc.length);
  view.dispatch({ selection: { anchor: at }, effects: EditorView.scrollIntoView(at, { y: "center" }) });
  view.focus();
}

const COLOURS = HighlightStyle.define([
  { tag: [tags.propertyName, tags.definition(tags.propertyName)], color: "var(--accent)" },
  { tag: [tags.string, tags.special(tags.string)], color: "var(--text)" },
  { tag: [tags.number, tags.bool, tags.null, tags.keyword], color: "var(--warn)" },
  { tag: [tags.comment, tags.lineComment], color: "var(--quiet)", fontStyle: "italic" },
  {
    tag: [tags.punctuation, tags.separator, tags.bracket, tags.squareBracket, tags.brace],
    color: "var(--quiet)",
  },
  { tag: [tags.typeName, tags.labelName, tags.meta], color: "var(--good)" },
  { tag: tags.invalid, color: "var(--bad)" },
]);

const THEME = EditorView.theme({
  "&": { height: "100%", color: "var(--text)", backgroundColor: "var(--card)", fontSize: "var(--size-2)" },
  "&.cm-focused": { outline: "2px solid var(--accent)", outlineOffset: "-2px" },
  ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "1.6", overflow: "auto" },
  ".cm-content": { caretColor: "var(--text)", padding: "var(--space-2) 0" },
  ".cm-cursor, .cm-dropCursor": { borderLeftColor: "var(--text)" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": {
    backgroundColor: "var(--chosen)",
  },
  ".cm-gutters": { backgroundColor: "var(--card)", color: "var(--quiet)", border: "none" },
  ".cm-activeLine, .cm-activeLineGutter": { backgroundColor: "var(--hover)" },
  ".cm-tooltip": {
    border: "1px solid var(--line)",
    borderRadius: "var(--radius-small)",
    backgroundColor: "var(--raised)",
    color: "var(--text)",
    boxShadow: "var(--shadow)",
  },
  ".cm-panels": { backgroundColor: "var(--raised)", color: "var(--text)", borderColor: "var(--line)" },
  ".cm-panels input, .cm-panels button": { font: "inherit" },
  ".cm-diagnostic-error": { borderLeftColor: "var(--bad)" },
  ".cm-diagnostic-warning": { borderLeftColor: "var(--warn)" },
  ".cm-lintRange-error": {
    backgroundImage: "none",
    textDecoration: "underline wavy var(--bad)",
    textUnderlineOffset: "3px",
  },
  ".cm-lintRange-warning": {
    backgroundImage: "none",
    textDecoration: "underline wavy var(--warn)",
    textUnderlineOffset: "3px",
  },
  ".cm-matchingBracket, &.cm-focused .cm-matchingBracket": { backgroundColor: "var(--chosen)" },
  ".cm-selectionMatch": { backgroundColor: "var(--sunken)" },
  ".cm-foldPlaceholder": {
    backgroundColor: "var(--sunken)",
    borderColor: "var(--line)",
    color: "var(--quiet)",
  },
});
