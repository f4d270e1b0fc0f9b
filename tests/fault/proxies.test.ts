import { expect, test } from "bun:test";
import { Person } from "../support/person.ts";

test("requests to a server on this machine go through no proxy, whichever variable names one", async () => {
  await using person = await Person.withServer();
  const heard: string[] = [];
  using proxy = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch(request) {
      heard.push(request.url);
      return new Response(null, { status: 502 });
    },
  });
  const elsewhere = `http://127.0.0.2:${person.server.port}`;
  for (const name of ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"]) {
    const env = { [name]: `http://127.0.0.1:${proxy.port}` };
    expect((await person.run(["job", "list"], { env })).exitCode).toBe(0);
    const other = { ...env, TANVRIT_URL: elsewhere, TANVRIT_TOKEN: "abc" };
    expect((await person.run(["job", "list"], { env: other })).stderr).toContain(
      "the connection was refused",
    );
  }
  expect(heard).toEqual([]);
});
