import { z } from "zod";
import { pathProblem } from "./files/path.ts";
import { filePath, placePath } from "./files/path-schema.ts";
import { isId } from "./id-schema.ts";
import { recordOf } from "./labels.ts";
import { once } from "./once.ts";

/** Where the files of an input come from, as `from` names it. */
export type InputSource =
  | { kind: "artifact"; artifactId: string }
  /** The outputs of a job that match the glob. */
  | { kind: "job"; jobId: string; glob: string }
  /** A path on the submitter's machine; the client uploads it and writes `artifact:` in its place. */
  | { kind: "local"; path: string };

/** Every output of a job. */
const EVERYTHING = "**";

/** Throws an Error whose message says what is wrong with the text. */
export function parseInputSource(from: string): InputSource {
  if (from.startsWith("artifact:")) {
    const id = from.slice("artifact:".length);
    if (!isId("art", id)) throw new Error(`${id} is not the id of an artifact, like art_…`);
    return { kind: "artifact", artifactId: id };
  }
  if (!from.startsWith("job:")) return { kind: "local", path: from };
  const slash = from.indexOf("/");
  const id = from.slice("job:".length, slash === -1 ? undefined : slash);
  if (!isId("job", id)) throw new Error(`${id} is not the id of a job, like job_…`);
  const glob = slash === -1 ? EVERYTHING : from.slice(slash + 1);
  const problem = glob === "" ? undefined : pathProblem(glob);
  if (problem !== undefined) throw new Error(problem);
  return { kind: "job", jobId: id, glob: glob === "" ? EVERYTHING : glob };
}

/** The directories before the first wildcard of a glob; a glob without one is its own base. `.` if there are none. */
export function globBase(glob: string): string {
  const names = glob.split("/");
  const at = names.findIndex((name) => /[*?[\]{}!\\]/.test(name));
  return (at === -1 ? names : names.slice(0, at)).join("/") || ".";
}

/** Files that are in the job's directory before it starts. */
export const jobInput = once(() =>
  z.strictObject({
    /** `artifact:art_…`, or `job:job_…/dist/**` for the outputs of a job; in a file of the command line also a local path. */
    from: z.string().min(1).max(5_000),
    /**
     * Where to put it in the job's directory. Absent: a directory's content goes into the job's directory itself, a file
     * keeps its name, and the outputs of a job keep their paths.
     */
    to: placePath().optional(),
  }),
);
export type JobInput = z.infer<ReturnType<typeof jobInput>>;

/** A glob below the directory in which the job starts: `dist/**`, `*.xml`; `dist/` is `dist/**`, and `.` is everything. */
export const outputGlob = once(() =>
  z
    .string()
    .transform((glob) =>
      /^\.\/*$/.test(glob) ? EVERYTHING : glob.replace(/^(\.\/+)+/, "").replace(/\/+$/, "/**"),
    )
    .pipe(filePath()),
);

export const secretName = once(() =>
  z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/, {
    error: "a secret's name is 1 to 128 letters, digits and . _ -, beginning with a letter or digit",
  }),
);

/** Secrets by the path, below the job's directory, of the file that holds them while the job runs. */
export const secretFiles = once(() => recordOf(filePath(), secretName()));

/** The most entries of `inputs`, `outputs`, `secretEnv`, `secretFiles` and `envFrom`. */
export const MAX_JOB_FILES = 100;
