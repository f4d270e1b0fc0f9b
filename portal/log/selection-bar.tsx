import { useSignal } from "@preact/signals";
import { Button } from "../ui/button.tsx";
import { numberText } from "../ui/counted.ts";
import type { LogModel } from "./model.ts";

/** What can be done with the selected lines. */
export function SelectionBar({ model, copy }: { model: LogModel; copy: () => Promise<void> }) {
  const said = useSignal("");
  const selected = model.selected.value;
  if (!selected) return null;
  const { store } = model.intake;
  const [from, to] = [store.placeOf(selected.from).seq, store.placeOf(selected.to).seq];
  const isOne = selected.from === selected.to;
  const attempt = async (what: string, step: () => Promise<void>) => {
    try {
      await step();
      said.value = `${what} copied.`;
    } catch {
      // The browser refused, and a person can still mark and copy.
      said.value = "The browser does not allow that. Mark the text, and copy it with the keyboard.";
    }
  };
  const copyLink = () => {
    const { origin, pathname, search } = location;
    return navigator.clipboard.writeText(`${origin}${pathname}${search}${model.selectedHash}`);
  };
  return (
    <div class="log-selection">
      <span>{isOne ? `Line ${numberText(from)}` : `Lines ${numberText(from)} to ${numberText(to)}`}</span>
      <Button look="plain" onClick={() => void attempt(isOne ? "The line is" : "The lines are", copy)}>
        {isOne ? "Copy the line" : "Copy the lines"}
      </Button>
      <Button look="plain" onClick={() => void attempt("The link is", copyLink)}>
        Copy a link
      </Button>
      <Button look="plain" onClick={() => model.clearSelection()}>
        Clear
      </Button>
      <span role="status">{said.value}</span>
    </div>
  );
}
