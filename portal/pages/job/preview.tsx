import { useEffect, useState } from "preact/hooks";
import { Trouble, Waiting } from "../../ui/blocks.tsx";
import { Button } from "../../ui/button.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { downloadFile, type FilePlace, readFile } from "./download.ts";
import { imageTypeOf } from "./file-tree.ts";

type Content = { image: string } | { text: string };

/** Shows an image or a text as text; nothing that a job left is ever run or shown as a page. */
export function Preview({ place, name, onClose }: { place: FilePlace; name: string; onClose(): void }) {
  const [content, setContent] = useState<Content>();
  const [error, setError] = useState<unknown>();
  useEffect(() => {
    const ended = new AbortController();
    let url: string | undefined;
    const read = async () => {
      const response = await readFile(place, ended.signal);
      const type = imageTypeOf(name);
      if (type === undefined) return setContent({ text: await response.text() });
      url = URL.createObjectURL(new Blob([await response.arrayBuffer()], { type }));
      setContent({ image: url });
    };
    read().catch((failure) => {
      if (!ended.signal.aborted) setError(failure);
    });
    return () => {
      ended.abort();
      if (url !== undefined) URL.revokeObjectURL(url);
    };
  }, [place.artifactId, place.path]);
  return (
    <Dialog title={name} isWide onClose={onClose}>
      {error !== undefined && <Trouble error={error} />}
      {!content && error === undefined && <Waiting label="Loading the file" />}
      {content && "image" in content && <img class="preview-image" src={content.image} alt={name} />}
      {content && "text" in content && (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls
        <pre class="preview-text" tabIndex={0}>
          {content.text === "" ? "The file is empty." : content.text}
        </pre>
      )}
      <div class="actions">
        <Button icon="download" onClick={() => downloadFile(place)}>
          Download
        </Button>
        <Button look="main" onClick={onClose}>
          Close
        </Button>
      </div>
    </Dialog>
  );
}
