import { ComputeError } from "../../shared/errors.ts";
import { limits } from "../../shared/limits.ts";
import type { Bodies } from "./bodies.ts";
import { refuseEncoding } from "./body.ts";

const FORM = "application/x-www-form-urlencoded";

/**
 * The fields of a form that somebody unknown sends. Throws `unsupported_media_type`, `payload_too_large`,
 * `request_timeout`, and `invalid_request` for a repeated field.
 */
export async function readForm(bodies: Bodies, request: Request): Promise<URLSearchParams> {
  refuseEncoding(request.headers);
  const type = request.headers.get("content-type")?.split(";", 1)[0]?.trim().toLowerCase();
  if (type !== FORM) {
    throw new ComputeError(
      "unsupported_media_type",
      `The body has the content type ${type ?? "(none)"}. Send a form with Content-Type: ${FORM}.`,
    );
  }
  using body = await bodies.read(request, { owner: undefined, maxBytes: limits.maxAnonymousBodyBytes });
  const fields = new URLSearchParams(Buffer.from(body.bytes).toString());
  const repeated = repeatedName(fields);
  if (repeated === undefined) return fields;
  throw new ComputeError(
    "invalid_request",
    `The form has the field ${JSON.stringify(repeated)} more than once.`,
  );
}

/** A name that is there more than once. */
export function repeatedName(fields: URLSearchParams): string | undefined {
  const seen = new Set<string>();
  for (const name of fields.keys()) {
    if (seen.has(name)) return name.slice(0, 40);
    seen.add(name);
  }
  return undefined;
}
