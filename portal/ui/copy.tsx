import { Button } from "./button.tsx";
import { toast } from "./toast.tsx";

export function CopyButton({ text, label = "Copy" }: { text: string; label?: string }) {
  return (
    <Button
      look="plain"
      icon="copy"
      label={label}
      onClick={async () => {
        await copyText(text);
        toast("Copied.");
      }}
    />
  );
}

/** Without TLS, browsers give pages no clipboard beyond the machine itself; then the older way works. */
export async function copyText(text: string): Promise<void> {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = document.createElement("textarea");
  area.value = text;
  document.body.append(area);
  area.select();
  const worked = document.execCommand("copy");
  area.remove();
  if (!worked)
    throw new Error("This browser does not let the page copy. Select the text and copy it yourself");
}
