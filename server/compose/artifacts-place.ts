import { defineOptions, optionText } from "../../shared/config/options.ts";
import type { S3Place } from "../blob/s3-blobs.ts";

export const httpUrl = optionText
  .refine((url) => /^https?:\/\/[^/]/.test(url) && URL.canParse(url), {
    error: "must be a URL that begins with http:// or https://",
  })
  .transform((url) => url.replace(/\/+$/, ""));

/** Options that say where files are. */
export const artifactsOptions = defineOptions({
  artifacts: {
    kind: "value",
    placeholder: "PLACE",
    env: "TANVRIT_ARTIFACTS",
    fileKey: "artifacts",
    schema: () =>
      optionText.regex(/^(dir|gridfs|s3:\/\/[A-Za-z0-9][A-Za-z0-9._-]*(\/[^?#]*)?)$/, {
        error: "must be dir, gridfs or a place like s3://bucket/prefix",
      }),
    defaultText: "dir; gridfs with MongoDB",
    help: "Where files are kept: dir (in the data directory), gridfs (in the MongoDB of --store) or s3://BUCKET/PREFIX",
  },
  "artifacts-endpoint": {
    kind: "value",
    placeholder: "URL",
    env: "TANVRIT_ARTIFACTS_ENDPOINT",
    fileKey: "artifactsEndpoint",
    schema: () => httpUrl,
    defaultText: "AWS",
    help: "The URL of the S3-compatible store that has the bucket of --artifacts",
  },
});

/** Where files are: in the data directory, in the MongoDB of the store, or in a bucket. */
export type ArtifactsPlace = { kind: "dir" } | { kind: "gridfs" } | ({ kind: "s3" } & S3Place);

type Env = Readonly<Record<string, string | undefined>>;

/** @param place as `--artifacts` names it. The keys to a bucket come from the environment. */
export function artifactsPlaceOf(place: string, env: Env, endpoint: string | undefined): ArtifactsPlace {
  if (place === "dir" || place === "gridfs") return { kind: place };
  const [bucket = "", ...prefix] = place.slice("s3://".length).split("/");
  const access = s3Access(env);
  return {
    kind: "s3",
    bucket,
    prefix: prefix.filter(Boolean).join("/"),
    ...access,
    endpoint: endpoint ?? access.endpoint,
  };
}

/** What other programs for S3 read from the environment. */
function s3Access(env: Env): Omit<S3Place, "bucket" | "prefix"> {
  return {
    endpoint: env.S3_ENDPOINT ?? env.AWS_ENDPOINT_URL_S3 ?? env.AWS_ENDPOINT_URL ?? env.AWS_ENDPOINT,
    region: env.S3_REGION ?? env.AWS_REGION ?? env.AWS_DEFAULT_REGION,
    accessKeyId: env.S3_ACCESS_KEY_ID ?? env.AWS_ACCESS_KEY_ID,
    secretAccessKey: env.S3_SECRET_ACCESS_KEY ?? env.AWS_SECRET_ACCESS_KEY,
    sessionToken: env.S3_SESSION_TOKEN ?? env.AWS_SESSION_TOKEN,
  };
}
