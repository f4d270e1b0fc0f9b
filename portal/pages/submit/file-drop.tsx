import { useEffect, useRef, useState } from "preact/hooks";
import { bytesText } from "../../../sdk/index.ts";
import { Button } from "../../ui/button.tsx";
import { counted } from "../../ui/counted.ts";
import { Icon } from "../../ui/icon.tsx";
import { sayInToast } from "../../ui/toast.tsx";
import {
  filesOfDrop,
  filesOfList,
  type GivenFile,
  sharedFolder,
  withFiles,
  withoutFolder,
} from "./dropped-files.ts";

const SHOWN = 50;

interface FileDropProps {
  files: readonly GivenFile[];
  /** Nothing can be changed while they are on their way. */
  isBusy: boolean;
  /** The files become the repository of a workflow. */
  isSource: boolean;
  onChange(files: GivenFile[]): void;
}

/** Where files and folders are dropped or chosen; they are sent when the job is submitted. */
export function FileDrop({ files, isBusy, isSource, onChange }: FileDropProps) {
  const [isReading, setIsReading] = useState(false);
  const add = async (read: () => Promise<GivenFile[]> | GivenFile[]) => {
    setIsReading(true);
    try {
      onChange(withFiles(files, await read()));
    } catch (error) {
      sayInToast(error);
    } finally {
      setIsReading(false);
    }
  };
  const isOver = useDrop((transfer) => {
    if (!isBusy) void add(() => filesOfDrop(transfer));
  });
  return (
    <section class="card" aria-label="Files">
      <div class={`drop ${isOver ? "over" : ""}`}>
        <Icon name="upload" />
        <p>
          <strong>
            {isSource ? "Drop the folder of the repository here" : "Drop files or a folder here"}
          </strong>
          <span class="quiet"> The job finds them in {isSource ? "its repository" : "its directory"}.</span>
        </p>
        <div class="row wrap">
          <Pick text="Choose files" isBusy={isBusy} onPick={(list) => add(() => filesOfList(list))} />
          <Pick
            text="Choose a folder"
            isFolder
            isBusy={isBusy}
            onPick={(list) => add(() => filesOfList(list))}
          />
        </div>
        {isReading && <p role="status">Reading the folder…</p>}
      </div>
      {files.length > 0 && <GivenFiles files={files} isBusy={isBusy} onChange={onChange} />}
    </section>
  );
}

/** Files may be dropped anywhere on the page. Returns whether some are held over it. */
function useDrop(onDrop: (transfer: DataTransfer) => void): boolean {
  const [isOver, setIsOver] = useState(false);
  const latest = useRef(onDrop);
  latest.current = onDrop;
  useEffect(() => {
    const ending = new AbortController();
    const { signal } = ending;
    const hasFiles = ({ dataTransfer }: DragEvent) => dataTransfer?.types.includes("Files") ?? false;
    const over = (event: DragEvent) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      setIsOver(true);
    };
    // Out of the window, and not only from one element to another.
    const leave = (event: DragEvent) => event.relatedTarget === null && setIsOver(false);
    const drop = (event: DragEvent) => {
      setIsOver(false);
      if (!hasFiles(event) || !event.dataTransfer) return;
      event.preventDefault();
      latest.current(event.dataTransfer);
    };
    addEventListener("dragover", over, { signal });
    addEventListener("drop", drop, { signal });
    addEventListener("dragleave", leave, { signal });
    return () => ending.abort();
  }, []);
  return isOver;
}

function Pick(props: { text: string; isFolder?: boolean; isBusy: boolean; onPick(list: FileList): void }) {
  const { text, isFolder = false, isBusy, onPick } = props;
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <Button icon={isFolder ? "folder" : "file"} disabled={isBusy} onClick={() => input.current?.click()}>
        {text}
      </Button>
      <input
        ref={input}
        type="file"
        hidden
        multiple
        aria-label={text}
        {...(isFolder && { webkitdirectory: true })}
        onChange={({ currentTarget }) => {
          if (currentTarget.files?.length) onPick(currentTarget.files);
          // The same files can be chosen again.
          requestAnimationFrame(() => {
            currentTarget.value = "";
          });
        }}
      />
    </>
  );
}

function GivenFiles({ files, isBusy, onChange }: Omit<FileDropProps, "isSource">) {
  const bytes = files.reduce((sum, { blob }) => sum + blob.size, 0);
  const folder = sharedFolder(files);
  return (
    <div class="given">
      <div class="row apart wrap">
        <strong role="status">
          {counted(files.length, "file")}, {bytesText(bytes)}
        </strong>
        <div class="row wrap">
          {folder !== undefined && (
            <Button look="plain" disabled={isBusy} onClick={() => onChange(withoutFolder(files, folder))}>
              <span class="cut">Leave out the folder “{folder.slice(0, 30)}”</span>
            </Button>
          )}
          <Button look="plain" disabled={isBusy} onClick={() => onChange([])}>
            Remove all
          </Button>
        </div>
      </div>
      <ul>
        {files.slice(0, SHOWN).map((file) => (
          <li key={file.path} class="row apart">
            <span class="cut mono" title={file.path}>
              {file.path}
            </span>
            <span class="row">
              <span class="quiet number">{bytesText(file.blob.size)}</span>
              <Button
                look="plain"
                icon="x"
                label={`Remove ${file.path}`}
                disabled={isBusy}
                onClick={() => onChange(files.filter((one) => one !== file))}
              />
            </span>
          </li>
        ))}
      </ul>
      {files.length > SHOWN && <p class="quiet">and {(files.length - SHOWN).toLocaleString("en")} more</p>}
    </div>
  );
}
