import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { type Artifact, bytesText, type TreeEntry } from "../../../sdk/index.ts";
import { compute } from "../../api/session.ts";
import { useData } from "../../api/use-data.ts";
import { Trouble, Waiting } from "../../ui/blocks.tsx";
import { Button } from "../../ui/button.tsx";
import { copyText } from "../../ui/copy.tsx";
import { counted } from "../../ui/counted.ts";
import { Icon } from "../../ui/icon.tsx";
import { toast } from "../../ui/toast.tsx";
import { downloadFile, downloadZip } from "./download.ts";
import { previewOf, rowsOf, type TreeRow } from "./file-tree.ts";
import { Preview } from "./preview.tsx";

/** So many entries are read at first, and with each press on "Show more". */
const PAGE_ENTRIES = 500;
/** A tree with more entries than this is shown with its directories closed. */
const MAX_OPEN_ENTRIES = 60;
const SHORT_DIGEST = 10;

interface ArtifactTreeProps {
  jobId: string;
  artifact: Artifact;
  title: string;
  /** Facts below the title. */
  children: ComponentChildren;
}

/** The files of an artifact, with their sizes and digests, to look at and to download. */
export function ArtifactTree({ jobId, artifact, title, children }: ArtifactTreeProps) {
  const { artifactId } = artifact;
  const [limit, setLimit] = useState(PAGE_ENTRIES);
  const { value, error, refresh } = useData(`files of ${artifactId} ${limit}`, (signal) =>
    Array.fromAsync(compute.artifacts.files(artifactId, { limit: limit + 1, signal })),
  );
  const shown = useRef<TreeEntry[]>([]);
  if (value) shown.current = value.slice(0, limit);
  const entries = shown.current;
  const isMore = value !== undefined && value.length > limit;
  return (
    <section class="card">
      <header>
        <div>
          <h2>{title}</h2>
          <p class="quiet job-small">{children}</p>
        </div>
        {artifact.files > 1 && <DownloadAll jobId={jobId} artifact={artifact} title={title} />}
        {artifact.files === 1 && entries.length > 0 && (
          <DownloadOnly jobId={jobId} {...{ artifactId, entries }} />
        )}
      </header>
      {entries.length > 0 && <Rows jobId={jobId} artifactId={artifactId} entries={entries} />}
      {!value && error !== undefined && <Trouble error={error} onRetry={refresh} />}
      {!value && error === undefined && entries.length === 0 && (
        <div class="body">
          <Waiting lines={2} label="Loading the files" />
        </div>
      )}
      {isMore && (
        <div class="job-more">
          <Button onClick={() => setLimit(limit + PAGE_ENTRIES)}>Show more</Button>
        </div>
      )}
    </section>
  );
}

function DownloadAll({ jobId, artifact, title }: { jobId: string; artifact: Artifact; title: string }) {
  const { artifactId } = artifact;
  const ended = useRef(new AbortController());
  useEffect(() => () => ended.current.abort(), []);
  const download = async () => {
    const { signal } = ended.current;
    const entries = await Array.fromAsync(compute.artifacts.files(artifactId, { signal }));
    await downloadZip(
      { jobId, artifactId },
      `${title.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-")}-${jobId}`,
      entries,
      signal,
    );
  };
  return (
    <Button icon="download" onClick={download}>
      Download all
    </Button>
  );
}

function DownloadOnly(props: { jobId: string; artifactId: string; entries: readonly TreeEntry[] }) {
  const { jobId, artifactId, entries } = props;
  const file = entries.find(({ type }) => type === "file");
  if (!file) return null;
  return (
    <Button icon="download" onClick={() => downloadFile({ jobId, artifactId, path: file.path })}>
      Download
    </Button>
  );
}

interface RowsProps {
  jobId: string;
  artifactId: string;
  entries: readonly TreeEntry[];
}

function Rows({ jobId, artifactId, entries }: RowsProps) {
  const [toggled, setToggled] = useState<ReadonlySet<string>>(new Set());
  const [looked, setLooked] = useState<TreeRow>();
  const isLarge = entries.length > MAX_OPEN_ENTRIES;
  const closed = new Set(
    entries
      .filter(({ type, path }) => type === "directory" && toggled.has(path) !== isLarge)
      .map(({ path }) => path),
  );
  const toggle = (path: string) => {
    const next = new Set(toggled);
    if (!next.delete(path)) next.add(path);
    setToggled(next);
  };
  return (
    <>
      <ul class="files">
        {rowsOf(entries, closed).map((row) => (
          <li key={row.entry.path} style={{ paddingInlineStart: `${1 + row.depth * 1.25}rem` }}>
            {row.entry.type === "directory" ? (
              <Directory row={row} isOpen={!closed.has(row.entry.path)} toggle={toggle} />
            ) : (
              <FileRow row={row} jobId={jobId} artifactId={artifactId} look={() => setLooked(row)} />
            )}
          </li>
        ))}
      </ul>
      {looked && (
        <Preview
          place={{ jobId, artifactId, path: looked.entry.path }}
          name={looked.name}
          onClose={() => setLooked(undefined)}
        />
      )}
    </>
  );
}

function Directory(props: { row: TreeRow; isOpen: boolean; toggle(path: string): void }) {
  const { row, isOpen, toggle } = props;
  return (
    <>
      <button type="button" class="file-name" aria-expanded={isOpen} onClick={() => toggle(row.entry.path)}>
        <Icon name={isOpen ? "chevronDown" : "chevronRight"} />
        <Icon name="folder" />
        <span class="cut" title={row.entry.path}>
          {row.name}
        </span>
      </button>
      <span class="quiet number">
        {counted(row.files, "file")} · {bytesText(row.bytes)}
      </span>
    </>
  );
}

function FileRow(props: { row: TreeRow; jobId: string; artifactId: string; look(): void }) {
  const { row, jobId, artifactId, look } = props;
  const { entry, name } = row;
  if (entry.type !== "file")
    return (
      <span class="file-name quiet cut" title={entry.path}>
        {name} {entry.type === "link" && `→ ${entry.target}`}
      </span>
    );
  const { path, size, sha256 } = entry;
  const kind = previewOf({ name, bytes: size });
  const copyDigest = async () => {
    await copyText(sha256);
    toast("Copied the SHA-256 digest.");
  };
  return (
    <>
      {kind === undefined ? (
        <span class="file-name">
          <Icon name="file" />
          <span class="cut" title={path}>
            {name}
          </span>
        </span>
      ) : (
        <button type="button" class="file-name" onClick={look}>
          <Icon name="file" />
          <span class="cut link" title={`Look at ${path}`}>
            {name}
          </span>
        </button>
      )}
      <button
        type="button"
        class="file-digest mono quiet"
        title={`SHA-256 ${sha256}`}
        aria-label={`Copy the SHA-256 digest of ${name}`}
        onClick={() => void copyDigest()}
      >
        {sha256.slice(0, SHORT_DIGEST)}
      </button>
      <span class="quiet number">{bytesText(size)}</span>
      <Button
        look="plain"
        icon="download"
        label={`Download ${path}`}
        onClick={() => downloadFile({ jobId, artifactId, path })}
      />
    </>
  );
}
