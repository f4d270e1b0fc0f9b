import {
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
} from "node:fs";
import { rename } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { writeFileAtomic } from "../../../shared/atomic-file.ts";

/** Runs whose artifacts a node still has for a rerun of their failed jobs. */
const KEPT_MS = 7 * 24 * 3_600_000;
const INDEX = "index.json";
/** File systems refuse these, and so does GitHub. */
const NOT_IN_NAMES = /[":<>|*?\r\n\\/]/;

const keptArtifact = z.object({
  /** Unique on this node. */
  id: z.int().min(1),
  name: z.string(),
  mimeType: z.string(),
  size: z.int().min(0),
  /** `sha256:` and the checksum in hex. */
  digest: z.string(),
  createdAt: z.iso.datetime(),
});
export type KeptArtifact = z.infer<typeof keptArtifact>;

/** An artifact that cannot be kept or found. The message is for people. */
export class ArtifactProblem extends Error {
  override name = "ArtifactProblem";
  constructor(
    message: string,
    /** Of the answer over HTTP. */
    readonly status: 400 | 404 | 409,
  ) {
    super(message);
  }
}

/** The artifacts of one run: what actions/upload-artifact keeps and actions/download-artifact gets. */
export class ArtifactShelf {
  private readonly kept: Map<string, KeptArtifact>;
  /** Names that are being uploaded. */
  private readonly reserved = new Set<string>();
  private lastId = 0;

  /**
   * @param directory of this run; its neighbours are those of other runs.
   * @param outputDirectory where finished artifacts also appear, as NAME.zip.
   */
  constructor(
    private readonly directory: string,
    private readonly outputDirectory: string,
  ) {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    removeOld(join(directory, ".."), directory);
    this.kept = new Map(readIndex(directory).map((artifact) => [artifact.name, artifact]));
    for (const artifact of this.kept.values()) this.show(artifact);
  }

  /** Throws ArtifactProblem if there is an artifact of that name. Call `finish` or `release` afterwards. */
  reserve(name: string): void {
    if (name === "") throw new ArtifactProblem("An artifact needs a name.", 400);
    if (NOT_IN_NAMES.test(name)) {
      throw new ArtifactProblem(
        `The artifact name ${JSON.stringify(name)} is not valid: it must not contain any of " : < > | * ? \\ / or a line break.`,
        400,
      );
    }
    if (this.kept.has(name) || this.reserved.has(name)) {
      throw new ArtifactProblem(
        `This run already has an artifact named ${JSON.stringify(name)}: give it another name, or set overwrite: true.`,
        409,
      );
    }
    this.reserved.add(name);
  }

  release(name: string): void {
    this.reserved.delete(name);
  }

  /** Takes the file over. */
  async finish(
    name: string,
    { path, digest, mimeType }: { path: string; digest: string; mimeType: string },
  ): Promise<KeptArtifact> {
    this.lastId = Math.max(this.lastId + 1, Date.now());
    const createdAt = new Date().toISOString();
    const artifact = { id: this.lastId, name, mimeType, size: statSync(path).size, digest, createdAt };
    await rename(path, this.pathOf(artifact));
    this.kept.set(name, artifact);
    this.reserved.delete(name);
    this.save();
    this.show(artifact);
    return artifact;
  }

  list(): KeptArtifact[] {
    return [...this.kept.values()];
  }

  find(name: string): KeptArtifact | undefined {
    return this.kept.get(name);
  }

  /** Returns the artifact that was there. */
  delete(name: string): KeptArtifact | undefined {
    const artifact = this.kept.get(name);
    if (!artifact) return undefined;
    this.kept.delete(name);
    this.save();
    rmSync(this.pathOf(artifact), { force: true });
    rmSync(this.shownPath(artifact), { force: true });
    return artifact;
  }

  pathOf({ id }: KeptArtifact): string {
    return join(this.directory, String(id));
  }

  /** For a file that becomes an artifact. */
  newPath(): string {
    return join(this.directory, `.${crypto.randomUUID()}`);
  }

  private save(): void {
    writeFileAtomic(join(this.directory, INDEX), JSON.stringify(this.list()));
  }

  private shownPath({ name, mimeType }: KeptArtifact): string {
    return join(this.outputDirectory, mimeType === "application/zip" ? `${name}.zip` : name);
  }

  private show(artifact: KeptArtifact): void {
    const shown = this.shownPath(artifact);
    if (existsSync(shown)) return;
    mkdirSync(this.outputDirectory, { recursive: true });
    try {
      linkSync(this.pathOf(artifact), shown);
    } catch {
      // Another file system.
      copyFileSync(this.pathOf(artifact), shown);
    }
  }
}

/** An index that cannot be read is that of a run which was killed while its directory was made: nothing is lost. */
function readIndex(directory: string): KeptArtifact[] {
  const path = join(directory, INDEX);
  if (!existsSync(path)) return [];
  const read = z.array(keptArtifact).safeParse(JSON.parse(readFileSync(path, "utf8")));
  return read.success ? read.data : [];
}

function removeOld(runs: string, own: string): void {
  for (const name of readdirSync(runs)) {
    const path = join(runs, name);
    const index = join(path, INDEX);
    if (path === own || !existsSync(index)) continue;
    if (Date.now() - statSync(index).mtimeMs > KEPT_MS) rmSync(path, { recursive: true, force: true });
  }
}
