import { expect, test } from "bun:test";
import { applyOptions, type ContainerBody } from "./create-options.ts";

function bodyWith(options: string): ContainerBody {
  const body: ContainerBody = { Image: "x", Env: [], Labels: {}, HostConfig: {} };
  applyOptions(body, options);
  return body;
}

test("options of a container are those of docker create", () => {
  const options = `
    --health-cmd "pg_isready -U 'me'" --health-interval=10s --health-timeout 1m30s --health-retries 5
    --cpus 1.5 -m 512m --shm-size=1g --user 1000:1000 -e A=1 --env "B=two words" -v data:/data --volume /cache
    -p 8080:80 --publish 53/udp --hostname db --add-host a:1.2.3.4 --ulimit nofile=1024:2048 --tmpfs /t:size=1m
    --privileged --init -it --rm --label x=y --entrypoint /bin/sh --mount type=bind,source=/a,target=/b,readonly`;
  expect(bodyWith(options)).toEqual({
    Image: "x",
    Env: ["A=1", "B=two words"],
    Labels: { x: "y" },
    User: "1000:1000",
    Hostname: "db",
    Tty: true,
    Entrypoint: ["/bin/sh"],
    ExposedPorts: { "80/tcp": {}, "53/udp": {} },
    Healthcheck: {
      Test: ["CMD-SHELL", "pg_isready -U 'me'"],
      Interval: 10_000_000_000,
      Timeout: 90_000_000_000,
      Retries: 5,
    },
    HostConfig: {
      NanoCpus: 1_500_000_000,
      Memory: 512 * 1024 * 1024,
      ShmSize: 1024 * 1024 * 1024,
      Binds: ["data:/data"],
      Mounts: [
        { Type: "volume", Target: "/cache" },
        { Type: "bind", Source: "/a", Target: "/b", ReadOnly: true },
      ],
      PortBindings: {
        "80/tcp": [{ HostIp: "", HostPort: "8080" }],
        "53/udp": [{ HostIp: "", HostPort: "" }],
      },
      ExtraHosts: ["a:1.2.3.4"],
      Ulimits: [{ Name: "nofile", Soft: 1024, Hard: 2048 }],
      Tmpfs: { "/t": "size=1m" },
      Privileged: true,
      Init: true,
    },
  });
});

test("an option that cannot be honoured is refused, not ignored", () => {
  for (const [options, problem] of [
    ["--network host", "The option --network is not possible"],
    ["--what 1", "The option --what is not known"],
    ["nonsense", "The option nonsense is not known"],
    ["--cpus", "The option --cpus has no value."],
    ["-m lots", "lots is not a size such as 512m or 2g."],
    ["--health-interval 10", "10 is not a duration such as 10s or 1m30s."],
    ["--health-cmd 'true", "The options have a quote that does not end"],
  ] as const) {
    expect(() => bodyWith(options)).toThrow(problem);
  }
});
