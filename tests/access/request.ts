import type { Endpoint } from "../../shared/endpoints/endpoint.ts";
import { packOf } from "../support/sent-files.ts";

/** A call of an endpoint as a request: fields of the path, the query or the body. Bytes are a pack with one blob. */
export function requestOf({ path, method, takesBytes }: Endpoint, input: object) {
  const fields = new Map(Object.entries(input).map(([key, value]) => [key, String(value)]));
  const filled = path.replaceAll(/\{(\w+)\}/g, (_, key: string) => {
    const value = fields.get(key) ?? "";
    fields.delete(key);
    return value;
  });
  const query = method === "GET" || takesBytes ? `?${new URLSearchParams([...fields])}` : "";
  const body = takesBytes ? packOf("blob") : JSON.stringify(input);
  const headers: Record<string, string> = { "content-type": takesBytes?.type ?? "application/json" };
  return { path: `${filled}${query}`, init: { method, headers, ...(method !== "GET" && { body }) } };
}
