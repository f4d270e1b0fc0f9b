import { compute } from "../api/session.ts";
import { useData } from "../api/use-data.ts";

const MOST = 1_000;

/** The names of the secrets that jobs may get; undefined while the server has not said, or if the person may not know. */
export function useSecretNames(): readonly string[] | undefined {
  const { value } = useData(
    "names of secrets",
    async (signal) => {
      const secrets = await Array.fromAsync(compute.secrets.list({ limit: MOST, signal }));
      return secrets.map(({ name }) => name);
    },
    { topics: ["secrets"] },
  );
  return value;
}
